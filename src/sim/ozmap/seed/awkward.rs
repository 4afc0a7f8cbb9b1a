//! The awkward population: one of everything that goes wrong in real data. [`Population::Awkward`] has the list.
//!
//! [`Population::Awkward`]: super::Population::Awkward

use serde_json::json;

use super::{Builder, SeedClient};
use crate::sim::ozmap::grow::Grower;
use crate::sim::ozmap::model::{Client, IdKind, ObjectId, Onu, OnuData, Property};

impl Builder {
    pub(super) fn awkward(&mut self) {
        for (code, serial) in [
            ("10|452", "ZTEGC1B2F8FC"),
            ("AB/12", "HWTC7D4630C3"),
            ("casa 12 fundos", "XPON22050989"),
            ("São-7", "FHTT00A1B2C3"),
            ("50%25+1?#&", "ALCLB0001234"),
        ] {
            self.plain(&SeedClient::new(code, "Maria Souza").serial(serial));
        }
        self.onus();
        for (code, serial) in [
            ("SN-LOWER", "ztegc1b20001"),
            ("SN-HEX", "0x5A544547C1B20002"),
            ("SN-DASH", "ZTEG-C1B20003"),
            ("SN-SPACED", " ZTEG C1B20004 "),
            ("DUP-SN-1", "ZTEGC1B20006"),
            ("DUP-SN-2", "zteg-c1b20006"),
            ("DUP-CODE", "ZTEGC1B20007"),
            ("DUP-CODE", "ZTEGC1B20008"),
        ] {
            self.plain(&SeedClient::new(code, "Ana Lima").serial(serial));
        }
        self.plain(&SeedClient::new("MAC-DOTTED", "Davi Alves").mac("aabb.ccdd.0005"));
        self.houses();
        self.plain(&SeedClient { reserved: true, ..SeedClient::new("RESERVED", "Reserva").serial("ZTEGC1B2000C") });
        self.plain(&SeedClient {
            error: true,
            ..SeedClient::new("ALREADY-ERROR", "Paulo Ramos").serial("ZTEGC1B2000D")
        });
        self.plain(&SeedClient::new("JOSÉ", "José Ñandú 北京 🙂").serial("ZTEGC1B2000E"));
        self.with(&SeedClient::new("NO-NAME", "").serial("ZTEGC1B2000F"), |client| client.name = None, |_| {});
        self.with(&SeedClient::new("", "Sem código").serial("ZTEGC1B20010"), |client| client.code = None, |_| {});
        let external = |client: &mut Client| {
            client.external_id = Some(json!("erp-77"));
            client.cpe = Some(json!({"model": "F670L", "wifi": ["2.4", "5"]}));
            client.tags = vec![ObjectId::of(IdKind::User, 7).to_string()];
            client.made_by_api = true;
            client.certified = true;
        };
        let read = |house: &mut Property| house.potency_read = Some(None);
        self.with(&SeedClient::new("EXTERNAL", "Inês Araújo").serial("ZTEGC1B20011"), external, read);
        let norte = self.norte;
        let move_client = |client: &mut Client| client.project = norte;
        self.with(&SeedClient::new("NORTE-1", "Zélia Nuñez").serial("ZTEGC1B20012"), move_client, |_| {});
        for number in 100..190_u32 {
            let seed = SeedClient::new(format!("A-{number}"), format!("Cliente {number}"));
            let power = -18.0 - f64::from(number % 10) / 2.0;
            let read = |house: &mut Property| house.potency_read = Some(Some(power));
            self.with(&seed.serial(format!("ZTEGA0000{number}")), |_| {}, read);
        }
    }

    fn onus(&mut self) {
        self.plain(&SeedClient::new("ONU-EMPTY", "Carlos Silva"));
        self.with(&SeedClient::new("ONU-NULL", "Carlos Silva"), |client| client.onu = Onu::Null, |_| {});
        self.with(&SeedClient::new("ONU-MISSING", "Carlos Silva"), |client| client.onu = Onu::Missing, |_| {});
        let partial = OnuData { serial_number: Some("ZTEGC1B20000".to_owned()), ..OnuData::default() };
        let partly = |client: &mut Client| client.onu = Onu::Present(partial);
        self.with(&SeedClient::new("ONU-PARTIAL", "Carlos Silva"), partly, |_| {});
    }

    fn houses(&mut self) {
        let client = self.client(&SeedClient::new("NO-HOUSE", "Luíza Santos").serial("ZTEGC1B20009"));
        self.contents.clients.push(client);
        let client = self.client(&SeedClient::new("TWO-HOUSES", "João Pereira").serial("ZTEGC1B2000A"));
        for _ in 0..2 {
            let house = self.house(Some(&client));
            self.contents.properties.push(house);
        }
        self.contents.clients.push(client);
        let building = self.building;
        let apartment = |house: &mut Property| {
            house.coords = None;
            house.address = String::new();
            house.box_id = Some(building);
            house.parent = Some(building);
            house.pole = None;
        };
        self.with(&SeedClient::new("APARTMENT", "Francisco Lima").serial("ZTEGC1B2000B"), |_| {}, apartment);
        let empty = self.house(None);
        self.contents.properties.push(empty);
        let unconnected = |house: &mut Property| {
            house.connections.clear();
            house.drop_id = None;
        };
        let client = self.client(&SeedClient::new("NO-PON", "Carlos Ramos").serial("ZTEGC1B20014"));
        let house = self.house_by(Some(&client), Grower::connect_to_nowhere);
        self.contents.clients.push(client);
        self.contents.properties.push(house);
        self.with(&SeedClient::new("UNCONNECTED", "Antônia Ramos").serial("ZTEGC1B20013"), |_| {}, unconnected);
    }
}
