// Walks the eight columns of every OLT with gosnmp, one goroutine an OLT, and prints how many values it read.
// Usage: gosnmp_walker PORT MAX_REPETITIONS COLUMN[,COLUMN...] ADDRESS...
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosnmp/gosnmp"
)

func main() {
	if len(os.Args) < 5 {
		os.Exit(2)
	}
	port, _ := strconv.ParseUint(os.Args[1], 10, 16)
	repetitions, _ := strconv.ParseUint(os.Args[2], 10, 32)
	columns := strings.Split(os.Args[3], ",")
	var values int64
	var olts sync.WaitGroup
	for _, address := range os.Args[4:] {
		olts.Add(1)
		go func(address string) {
			defer olts.Done()
			session := &gosnmp.GoSNMP{
				Target:         address,
				Port:           uint16(port),
				Community:      "public",
				Version:        gosnmp.Version2c,
				Timeout:        5 * time.Second,
				Retries:        3,
				MaxRepetitions: uint32(repetitions),
			}
			if err := session.Connect(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			defer session.Conn.Close()
			for _, column := range columns {
				err := session.BulkWalk(column, func(gosnmp.SnmpPDU) error {
					atomic.AddInt64(&values, 1)
					return nil
				})
				if err != nil {
					fmt.Fprintln(os.Stderr, address, err)
					os.Exit(1)
				}
			}
		}(address)
	}
	olts.Wait()
	fmt.Println(values)
}
