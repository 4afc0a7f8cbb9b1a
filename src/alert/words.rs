//! The words of messages, one column a language. Placeholders in braces are filled in by `text`.

use super::notice::Stage;
use crate::config::alert::{AlertOn, AlertSeverity, Language};

/// The same in every language: English, Portuguese, Spanish.
type Three = [&'static str; 3];

/// Words of one language.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words(usize);

impl From<Language> for Words {
    fn from(language: Language) -> Self {
        Self(match language {
            Language::English => 0,
            Language::Portuguese => 1,
            Language::Spanish => 2,
        })
    }
}

/// A phrase for one and one for more.
struct Counted {
    one: Three,
    many: Three,
}

macro_rules! phrases {
    ($($(#[$doc:meta])* $name:ident: $english:literal, $portuguese:literal, $spanish:literal;)+) => {
        impl Words {
            $($(#[$doc])* pub(super) const fn $name(self) -> &'static str {
                self.pick(&[$english, $portuguese, $spanish])
            })+
        }
    };
}

phrases! {
    place_label: "Where", "Onde", "Dónde";
    map_label: "Map", "Mapa", "Mapa";
    reach_label: "Reaches", "Abrange", "Alcanza";
    since_label: "Since", "Desde", "Desde";
    back_label: "Back", "Voltaram", "Volvieron";
    are_back: "{what} back", "{what} de volta", "{what} de vuelta";
    sure_label: "Sure", "Certeza", "Certeza";
    boxes_label: "Boxes", "Caixas", "Cajas";
    why_label: "Because", "Porque", "Porque";
    incident_label: "Incident", "Incidente", "Incidente";
    between: "{what}, between {from} and {to}", "{what}, entre {from} e {to}", "{what}, entre {from} y {to}";
    metres: "{from}–{to} m of fibre from the OLT", "{from}–{to} m de fibra desde a OLT", "{from}–{to} m de fibra desde la OLT";
    now_over: "{from} to {to} ({length})", "{from} até {to} ({length})", "{from} a {to} ({length})";
    or_else: "else {what}, {odds}", "senão {what}, {odds}", "si no {what}, {odds}";
    at: "at {place}", "em {place}", "en {place}";
    and_more: "and {n} more", "e mais {n}", "y {n} más";
    of_all: "{n} of {all}", "{n} de {all}", "{n} de {all}";
    acknowledged: "{who} is on it since {when}.", "{who} está cuidando desde {when}.", "{who} se encarga desde {when}.";
    flapping:
        "This place comes and goes; no more of it is told until it is calm.",
        "Este lugar cai e volta; nada mais será avisado até estabilizar.",
        "Este lugar cae y vuelve; no se avisará más hasta que se estabilice.";
    merged: "It became part of {id}.", "Passou a fazer parte de {id}.", "Pasó a ser parte de {id}.";
    left_over: "Left over from {id}.", "Restou de {id}.", "Quedó de {id}.";
    untraced:
        "Not followed any more since a restart of oltwatch: look at what is true now.",
        "Deixou de ser acompanhado após reinício do oltwatch: verifique a situação atual.",
        "Dejó de seguirse tras un reinicio de oltwatch: verifique la situación actual.";
    is_test: "TEST – nothing is wrong", "TESTE – não há problema", "PRUEBA – no hay problema";
    over: "OVER", "RESOLVIDO", "RESUELTO";
    digest: "{n} incidents at once; the budget of this channel does not allow one message each", "{n} incidentes de uma vez; o limite deste canal não permite uma mensagem para cada um", "{n} incidentes a la vez; el límite de este canal no permite un mensaje para cada uno";
    minutes: "{n} min", "{n} min", "{n} min";
    hours: "{h} h {n} min", "{h} h {n} min", "{h} h {n} min";
    days: "{d} d {h} h", "{d} d {h} h", "{d} d {h} h";
    seconds: "{n} s", "{n} s", "{n} s";
}

const LOST: Counted = Counted {
    one: ["1 customer down", "1 cliente fora", "1 cliente caído"],
    many: ["{n} customers down", "{n} clientes fora", "{n} clientes caídos"],
};
const DIM: Counted = Counted {
    one: ["1 customer with less light", "1 cliente com menos luz", "1 cliente con menos luz"],
    many: ["{n} customers with less light", "{n} clientes com menos luz", "{n} clientes con menos luz"],
};
const RECOVERED: Counted = Counted {
    one: ["{n} of 1 customer", "{n} de 1 cliente", "{n} de 1 cliente"],
    many: ["{n} of {all} customers", "{n} de {all} clientes", "{n} de {all} clientes"],
};

impl Words {
    const fn pick(self, three: &Three) -> &'static str {
        let [english, portuguese, spanish] = three;
        match self.0 {
            1 => portuguese,
            2 => spanish,
            _ => english,
        }
    }

    fn count(self, counted: &Counted, n: u32) -> String {
        self.pick(if n == 1 { &counted.one } else { &counted.many }).replace("{n}", &n.to_string())
    }

    /// How many customers are hit.
    pub(super) fn lost(self, kind: AlertOn, n: u32) -> String {
        self.count(if kind == AlertOn::Degradation { &DIM } else { &LOST }, n)
    }

    /// How many of them are back.
    pub(super) fn recovered(self, n: u32, all: u32) -> String {
        let phrase = self.pick(if all == 1 { &RECOVERED.one } else { &RECOVERED.many });
        phrase.replace("{n}", &n.to_string()).replace("{all}", &all.to_string())
    }

    pub(super) const fn kind(self, kind: AlertOn) -> &'static str {
        self.pick(match kind {
            AlertOn::Cut => &["Fibre cut", "Rompimento de fibra", "Corte de fibra"],
            AlertOn::Power => &["Power outage", "Falta de energia", "Corte de energía"],
            AlertOn::Equipment => &["OLT equipment failed", "Falha de equipamento da OLT", "Falla de equipo de la OLT"],
            AlertOn::Drop => {
                &["Customer's drop lost light", "Drop do cliente sem luz", "Acometida del cliente sin luz"]
            }
            AlertOn::Degradation => &["Signal got weaker", "Sinal enfraqueceu", "La señal se debilitó"],
            AlertOn::Undetermined => {
                &["Fibre or power: undetermined", "Fibra ou energia: indeterminado", "Fibra o energía: indeterminado"]
            }
            AlertOn::OltUnreachable => &["OLT does not answer", "OLT não responde", "La OLT no responde"],
            AlertOn::DataQuality => {
                &["OLT shows impossible levels", "OLT mostra níveis impossíveis", "La OLT muestra niveles imposibles"]
            }
            AlertOn::PollingLate => {
                &["OLT is read behind schedule", "Leitura da OLT está atrasada", "La lectura de la OLT está atrasada"]
            }
            AlertOn::OzmapRefusing => {
                &["OZmap cannot be written", "Não é possível escrever no OZmap", "No se puede escribir en OZmap"]
            }
            AlertOn::PushHeld => &[
                "Writing to OZmap is held until somebody looks",
                "Escrita no OZmap retida até alguém verificar",
                "Escritura en OZmap retenida hasta que alguien verifique",
            ],
            AlertOn::StoreFailing => &[
                "Database cannot be written",
                "Banco de dados não pode ser gravado",
                "No se puede escribir la base de datos",
            ],
        })
    }

    pub(super) const fn severity(self, severity: AlertSeverity) -> &'static str {
        self.pick(match severity {
            AlertSeverity::Critical => &["CRITICAL", "CRÍTICO", "CRÍTICO"],
            AlertSeverity::Major => &["MAJOR", "GRAVE", "MAYOR"],
            AlertSeverity::Minor => &["MINOR", "LEVE", "MENOR"],
            AlertSeverity::Warning => &["WARNING", "AVISO", "AVISO"],
            AlertSeverity::Indeterminate => &["INDETERMINATE", "INDETERMINADO", "INDETERMINADO"],
        })
    }

    /// An element of the plant, by the word that incidents have for it; others stay as they are.
    pub(super) fn element(self, kind: &str) -> &str {
        self.pick(match kind {
            "cable" => &["cable", "cabo", "cable"],
            "box" => &["box", "caixa", "caja"],
            "drop" => &["drop", "drop", "acometida"],
            "splitter" => &["splitter", "splitter", "splitter"],
            "fiber" => &["fibre", "fibra", "fibra"],
            "joint" => &["joint", "emenda", "empalme"],
            "pon" => &["PON", "PON", "PON"],
            "slot" => &["card", "placa", "tarjeta"],
            "olt" => &["OLT", "OLT", "OLT"],
            "area" => &["area around", "área de", "zona de"],
            other => return other,
        })
    }

    /// What stands at the front of a title.
    pub(super) const fn symbol(severity: AlertSeverity, stage: Stage) -> &'static str {
        match (stage, severity) {
            (Stage::Cleared, _) => "🟢",
            (_, AlertSeverity::Critical) => "🔴",
            (_, AlertSeverity::Major) => "🟠",
            (_, AlertSeverity::Minor) => "🟡",
            _ => "🔵",
        }
    }
}
