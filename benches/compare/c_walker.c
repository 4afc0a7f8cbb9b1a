/* Walks the eight columns of every OLT with net-snmp's C library, one request at a time, and prints how many values
 * it read. Usage: c_walker PORT MAX_REPETITIONS COLUMN[,COLUMN...] ADDRESS... */
#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long walk(void *session, const char *column, long repetitions)
{
    oid root[MAX_OID_LEN], at[MAX_OID_LEN];
    size_t root_length = MAX_OID_LEN, at_length;
    long values = 0;

    if (!read_objid(column, root, &root_length)) {
        snmp_perror(column);
        exit(1);
    }
    memcpy(at, root, sizeof(root));
    at_length = root_length;
    for (;;) {
        netsnmp_pdu *request = snmp_pdu_create(SNMP_MSG_GETBULK), *reply = NULL;
        request->non_repeaters = 0;
        request->max_repetitions = repetitions;
        snmp_add_null_var(request, at, at_length);
        if (snmp_sess_synch_response(session, request, &reply) != STAT_SUCCESS || reply->errstat != 0) {
            fprintf(stderr, "no answer for %s\n", column);
            exit(1);
        }
        int ended = reply->variables == NULL;
        for (netsnmp_variable_list *row = reply->variables; row != NULL && !ended; row = row->next_variable) {
            ended = row->type == SNMP_ENDOFMIBVIEW || row->name_length < root_length ||
                    memcmp(row->name, root, root_length * sizeof(oid)) != 0;
            if (!ended) {
                values++;
                memcpy(at, row->name, row->name_length * sizeof(oid));
                at_length = row->name_length;
            }
        }
        snmp_free_pdu(reply);
        if (ended)
            return values;
    }
}

int main(int count, char **words)
{
    long values = 0;

    if (count < 5)
        return 2;
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_PERSIST_STATE, 1);
    setenv("MIBS", "", 1);
    init_snmp("walker");
    for (int olt = 4; olt < count; olt++) {
        netsnmp_session description;
        char peer[64], columns[1024], *rest = NULL;
        snmp_sess_init(&description);
        snprintf(peer, sizeof(peer), "udp:%s:%s", words[olt], words[1]);
        snprintf(columns, sizeof(columns), "%s", words[3]);
        description.version = SNMP_VERSION_2c;
        description.peername = peer;
        description.community = (u_char *)"public";
        description.community_len = strlen("public");
        void *session = snmp_sess_open(&description);
        if (session == NULL) {
            snmp_sess_perror("open", &description);
            return 1;
        }
        for (char *column = strtok_r(columns, ",", &rest); column != NULL; column = strtok_r(NULL, ",", &rest))
            values += walk(session, column, atol(words[2]));
        snmp_sess_close(session);
    }
    printf("%ld\n", values);
    return 0;
}
