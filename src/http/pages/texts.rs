//! Every text of the pages, in every language. A text that lacks one of them cannot be written down here.

use std::fmt::Display;

use super::prefs::Lang;
use crate::incident::{Kind, Severity, State};
use crate::model::{Cause, Level, SweepKind, Truth, Verdict};

macro_rules! texts {
    ($($name:ident: $en:literal, $pt:literal, $es:literal;)+) => {
        /// A text; its name says what for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Text { $($name,)+ }

        impl Text {
            /// Every text.
            #[cfg(test)]
            pub(super) const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// In a language. `{}` stands for a value.
            pub(super) const fn of(self, lang: Lang) -> &'static str {
                let [en, pt, es] = match self { $(Self::$name => [$en, $pt, $es],)+ };
                match lang { Lang::En => en, Lang::Pt => pt, Lang::Es => es }
            }
        }
    };
}

texts! {
    Now: "Now", "Agora", "Ahora";
    Incidents: "Incidents", "Incidentes", "Incidentes";
    Olts: "OLTs", "OLTs", "OLTs";
    Onus: "ONUs", "ONUs", "ONUs";
    SkipToContent: "Skip to the content", "Ir para o conteúdo", "Ir al contenido";
    MainMenu: "Main menu", "Menu principal", "Menú principal";
    Language: "Language", "Idioma", "Idioma";
    Theme: "Theme", "Tema", "Tema";
    ThemeAuto: "Automatic", "Automático", "Automático";
    ThemeLight: "Light", "Claro", "Claro";
    ThemeDark: "Dark", "Escuro", "Oscuro";
    Search: "Search", "Buscar", "Buscar";
    SearchHint: "Serial, name or code", "Serial, nome ou código", "Serial, nombre o código";
    LogOut: "Log out", "Sair", "Salir";
    Live: "Live", "Ao vivo", "En vivo";
    Lost: "No connection to oltwatch: what you see is old", "Sem conexão com o oltwatch: o que você vê é antigo", "Sin conexión con oltwatch: lo que se ve es antiguo";
    AsOf: "As of {}", "Situação em {}", "Situación a las {}";
    ForPrograms: "For programs", "Para programas", "Para programas";

    LogIn: "Log in", "Entrar", "Entrar";
    Token: "Token", "Token", "Token";
    TokenHint: "The token of [http] in the configuration", "O token de [http] na configuração", "El token de [http] en la configuración";
    WrongToken: "That is not the token.", "Esse não é o token.", "Ese no es el token.";
    TooManyTries: "Too many wrong tokens. Try again in {} s.", "Muitos tokens errados. Tente de novo em {} s.", "Demasiados tokens incorrectos. Intente de nuevo en {} s.";

    NotFound: "There is no such page", "Essa página não existe", "Esa página no existe";
    BadRequest: "That cannot be shown", "Isso não pode ser mostrado", "Eso no se puede mostrar";
    Failed: "The page could not be made", "A página não pôde ser feita", "No se pudo hacer la página";
    BackToNow: "Back to Now", "Voltar para Agora", "Volver a Ahora";

    NothingOpen: "No open incident", "Nenhum incidente aberto", "Ningún incidente abierto";
    NothingOpenMore: "Every loss that was seen is explained or over.", "Toda perda vista está explicada ou encerrada.", "Toda pérdida vista está explicada o terminada.";
    OpenIncidents: "Open incidents", "Incidentes abertos", "Incidentes abiertos";
    PastIncidents: "Over", "Encerrados", "Terminados";
    NoPast: "None yet since the daemon started.", "Nenhum desde o início do serviço.", "Ninguno desde el inicio del servicio.";
    MoreIncidents: "{} more", "mais {}", "{} más";
    OurselvesWarnings: "oltwatch itself", "O próprio oltwatch", "El propio oltwatch";
    OltsAtAGlance: "OLTs at a glance", "OLTs num relance", "OLTs de un vistazo";
    AllOlts: "All {} OLTs", "Todas as {} OLTs", "Todas las {} OLTs";
    CustomersDown: "ONUs down", "ONUs fora", "ONUs caídas";
    OfAll: "of {}", "de {}", "de {}";
    BadLevels: "Bad levels", "Níveis ruins", "Niveles malos";
    WeakCount: "and {} weak", "e {} fracos", "y {} débiles";
    NotKnown: "Not known", "Desconhecidas", "Desconocidas";
    NotKnownMore: "their OLT does not say", "a OLT não informa", "la OLT no informa";
    Ozmap: "OZmap", "OZmap", "OZmap";
    NoOzmap: "OZmap is not configured: nothing is matched or written.", "O OZmap não está configurado: nada é associado nem escrito.", "OZmap no está configurado: nada se asocia ni se escribe.";
    Mode: "Mode", "Modo", "Modo";
    ModeWrite: "writes", "escreve", "escribe";
    ModeDryRun: "dry run: nothing is written", "simulação: nada é escrito", "simulación: nada se escribe";
    Directory: "Directory", "Diretório", "Directorio";
    DirectoryOf: "{} clients, read {} ago", "{} clientes, lido há {}", "{} clientes, leído hace {}";
    DirectoryNone: "not read yet", "ainda não lido", "aún no leído";
    Matched: "Matched", "Associadas", "Asociadas";
    MatchedOf: "{} ONUs; {} without a client, {} ambiguous", "{} ONUs; {} sem cliente, {} ambíguas", "{} ONUs; {} sin cliente, {} ambiguas";
    Waiting: "Waiting", "Em espera", "En espera";
    WaitingOf: "{} statuses, {} powers", "{} status, {} potências", "{} estados, {} potencias";
    Written: "Written", "Escritos", "Escritos";
    WrittenOf: "{} to OK, {} to ERROR", "{} para OK, {} para ERRO", "{} a OK, {} a ERROR";
    WouldWrite: "Would write", "Escreveria", "Escribiría";
    HeldByBrake: "Held by the brake", "Retidos pelo freio", "Retenidos por el freno";
    HeldByWork: "Held by maintenance", "Retidos por manutenção", "Retenidos por mantenimiento";
    LeftAside: "Left aside", "Deixados de lado", "Dejados de lado";
    Pace: "Pace", "Ritmo", "Ritmo";
    RequestsASecond: "{} requests a second at most", "no máximo {} requisições por segundo", "{} peticiones por segundo como máximo";
    Resting: "left alone until {}", "deixado em paz até {}", "en reposo hasta {}";
    LastTrouble: "Last trouble", "Último problema", "Último problema";
    NextChanges: "Next to be written", "Próximos a escrever", "Próximos por escribir";

    KindCut: "Fibre cut", "Rompimento de fibra", "Corte de fibra";
    KindPower: "Power outage", "Falta de energia", "Corte de energía";
    KindEquipment: "Equipment failure", "Falha de equipamento", "Falla de equipo";
    KindDrop: "Single customer", "Cliente isolado", "Cliente aislado";
    KindDegradation: "Degradation", "Degradação", "Degradación";
    KindUnreachable: "OLT unreachable", "OLT inacessível", "OLT inaccesible";
    KindQuality: "Levels not believable", "Níveis não confiáveis", "Niveles no creíbles";
    KindUndetermined: "Undetermined", "Indeterminado", "Indeterminado";
    StateOpen: "open", "aberto", "abierto";
    StateRecovering: "recovering", "em recuperação", "en recuperación";
    StateCleared: "over", "encerrado", "terminado";
    SeverityCritical: "critical", "crítico", "crítico";
    SeverityMajor: "major", "grave", "grave";
    SeverityMinor: "minor", "leve", "leve";
    SeverityWarning: "warning", "aviso", "aviso";
    Sure: "{} % sure", "{} % de certeza", "{} % de certeza";
    PlaceUnknown: "Place not known", "Local desconhecido", "Lugar desconocido";
    Between: "between {} and {}", "entre {} e {}", "entre {} y {}";
    At: "at {}", "em {}", "en {}";
    MetresFromOlt: "{} to {} m of fibre from the OLT", "{} a {} m de fibra desde a OLT", "{} a {} m de fibra desde la OLT";
    LostOf: "{} of {} down", "{} de {} fora", "{} de {} caídas";
    Recovered: "{} back", "{} de volta", "{} de vuelta";
    Ago: "{} ago", "há {}", "hace {}";
    Lasted: "lasted {}", "durou {}", "duró {}";

    Where: "Where", "Onde", "Dónde";
    When: "When", "Quando", "Cuándo";
    Size: "Size", "Tamanho", "Tamaño";
    HowSure: "How sure", "Certeza", "Certeza";
    Ports: "PONs", "PONs", "PONs";
    Evidence: "Evidence", "Evidências", "Evidencias";
    Alternatives: "What else it may be", "O que mais pode ser", "Qué más puede ser";
    NoAlternatives: "Nothing else comes near.", "Nada mais chega perto.", "Nada más se acerca.";
    Timeline: "Timeline", "Linha do tempo", "Cronología";
    Opened: "First loss", "Primeira perda", "Primera pérdida";
    WentDown: "{} went down", "{} caíram", "{} cayeron";
    CameBack: "{} came back", "{} voltaram", "{} volvieron";
    Cleared: "Over", "Encerrado", "Terminado";
    PlantTree: "The plant from the PON down", "A rede a partir da PON", "La red a partir de la PON";
    NoPlant: "OZmap shows no route of these clients: there is no tree to draw.", "O OZmap não mostra rota destes clientes: não há árvore a desenhar.", "OZmap no muestra ruta de estos clientes: no hay árbol que dibujar.";
    Suspected: "suspected", "suspeito", "sospechoso";
    AllLiving: "{} living", "{} ativos", "{} activos";
    AllDead: "all {} down", "todos os {} fora", "los {} caídos";
    SomeDead: "{} of {} down", "{} de {} fora", "{} de {} caídos";
    OthersDown: "{} down for other reasons", "{} fora por outros motivos", "{} caídos por otros motivos";
    UnknownOnes: "{} not known", "{} desconhecidos", "{} desconocidos";
    LivingBranches: "{} living branches, {} clients", "{} ramos ativos, {} clientes", "{} ramas activas, {} clientes";
    MoreBranches: "{} more branches", "mais {} ramos", "{} ramas más";
    MorePons: "{} more PONs", "mais {} PONs", "{} PONs más";
    Map: "Sketch map", "Mapa esquemático", "Mapa esquemático";
    MapNorth: "North is up.", "O norte fica em cima.", "El norte está arriba.";
    MapLiving: "living", "ativo", "activo";
    MapDead: "down", "fora", "caído";
    MapMixed: "partly down", "parcialmente fora", "parcialmente caído";
    OpenStreetMap: "Open in OpenStreetMap", "Abrir no OpenStreetMap", "Abrir en OpenStreetMap";
    OpenOzmap: "Open OZmap", "Abrir o OZmap", "Abrir OZmap";
    Clients: "Customers", "Clientes", "Clientes";
    DownloadCsv: "CSV", "CSV", "CSV";
    NoClients: "No ONU belongs to it.", "Nenhuma ONU pertence a ele.", "Ninguna ONU le pertenece.";
    Parent: "Part of", "Parte de", "Parte de";

    Name: "Name", "Nome", "Nombre";
    Client: "Client", "Cliente", "Cliente";
    Code: "Code", "Código", "Código";
    Box: "Box", "Caixa", "Caja";
    BoxPort: "port {}", "porta {}", "puerto {}";
    Serial: "Serial", "Serial", "Serial";
    Mac: "MAC", "MAC", "MAC";
    Olt: "OLT", "OLT", "OLT";
    Pon: "PON", "PON", "PON";
    Onu: "ONU", "ONU", "ONU";
    StateNow: "State", "Estado", "Estado";
    LevelNow: "Level", "Nível", "Nivel";
    Status: "Status", "Situação", "Situación";
    Distance: "Distance", "Distância", "Distancia";
    Address: "Address", "Endereço", "Dirección";
    Family: "Family", "Família", "Familia";
    Descr: "It says", "Diz ser", "Dice ser";
    LastAnswer: "Last answer", "Última resposta", "Última respuesta";
    AnyWord: "any", "qualquer", "cualquiera";
    Filter: "Filter", "Filtrar", "Filtrar";
    Reset: "Reset", "Limpar", "Limpiar";
    NextPage: "Next page", "Próxima página", "Página siguiente";
    FirstPage: "First page", "Primeira página", "Primera página";
    NothingFits: "Nothing fits.", "Nada corresponde.", "Nada corresponde.";
    Down: "Down", "Fora", "Caídas";

    Answering: "answers", "responde", "responde";
    NotAsked: "not asked yet", "ainda não consultada", "aún no consultada";
    SilentOlt: "does not answer", "não responde", "no responde";
    AgainIn: "tried again in {}", "nova tentativa em {}", "nuevo intento en {}";
    SuspectLevels: "levels not believed", "níveis não confiáveis", "niveles no creíbles";
    UnderMaintenance: "maintenance until {}", "manutenção até {}", "mantenimiento hasta {}";
    PonGrid: "PONs by worst level and lost ONUs", "PONs por pior nível e ONUs perdidas", "PONs por peor nivel y ONUs perdidas";
    PonGridMore: "Colour: the worst level of an ONU that is up. Bar: share of its ONUs that are down.", "Cor: o pior nível de uma ONU ativa. Barra: parcela de suas ONUs que está fora.", "Color: el peor nivel de una ONU activa. Barra: parte de sus ONUs que está caída.";
    NoPons: "No PON is known yet.", "Nenhuma PON conhecida ainda.", "Aún no se conoce ninguna PON.";
    WithoutPon: "without a PON", "sem PON", "sin PON";
    Card: "Card {}", "Placa {}", "Tarjeta {}";
    Schedule: "Sweeps", "Varreduras", "Barridos";
    Sweep: "Sweep", "Varredura", "Barrido";
    Every: "Every", "A cada", "Cada";
    LastRun: "Last", "Última", "Último";
    Took: "Took", "Durou", "Duró";
    Requests: "Requests", "Requisições", "Peticiones";
    Late: "Late by", "Atraso", "Retraso";
    Complete: "Complete", "Completa", "Completo";
    Yes: "yes", "sim", "sí";
    Missing: "missing: {}", "falta: {}", "falta: {}";
    SweepInventory: "inventory", "inventário", "inventario";
    SweepState: "state", "estado", "estado";
    SweepOptics: "optics", "óptica", "óptica";
    Load: "Load that we put on it", "Carga que colocamos nela", "Carga que le ponemos";
    RequestsAMinute: "Requests a minute", "Requisições por minuto", "Peticiones por minuto";
    RoundTrip: "Round trip", "Ida e volta", "Ida y vuelta";
    Window: "In flight at most", "Em voo, no máximo", "En vuelo como máximo";
    Rest: "Rest after each answer", "Pausa após cada resposta", "Pausa tras cada respuesta";
    Timeouts: "Time-outs", "Tempos esgotados", "Tiempos agotados";
    Retries: "Retries", "Repetições", "Reintentos";
    OpticsRound: "Optics round", "Rodada de óptica", "Ronda de óptica";
    OpticsRoundOf: "{} of {} slices read", "{} de {} fatias lidas", "{} de {} partes leídas";

    PonState: "Port", "Porta", "Puerto";
    PonTx: "Launch power", "Potência de saída", "Potencia de salida";
    ByDistance: "ONUs by distance", "ONUs por distância", "ONUs por distancia";
    Receives: "ONU receives", "ONU recebe", "ONU recibe";
    OltReceives: "OLT receives", "OLT recebe", "OLT recibe";
    Launches: "ONU launches", "ONU emite", "ONU emite";
    Scale: "Scale from {} to {} dBm; the green field is good, the line is the receiver's limit.", "Escala de {} a {} dBm; o campo verde é bom, a linha é o limite do receptor.", "Escala de {} a {} dBm; el campo verde es bueno, la línea es el límite del receptor.";
    NoOnus: "No ONU is known here.", "Nenhuma ONU conhecida aqui.", "No se conoce ninguna ONU aquí.";

    Identity: "Identity", "Identidade", "Identidad";
    Truth: "What is held", "O que se sabe", "Lo que se sabe";
    Reason: "Why", "Por quê", "Por qué";
    Shows: "Client should show", "O cliente deve mostrar", "El cliente debe mostrar";
    LastDown: "Last down because of", "Última queda por", "Última caída por";
    Optics: "Optics", "Óptica", "Óptica";
    Temperature: "Temperature", "Temperatura", "Temperatura";
    Voltage: "Voltage", "Tensão", "Voltaje";
    Bias: "Bias", "Corrente de polarização", "Corriente de polarización";
    UsualLevel: "Usual level", "Nível usual", "Nivel usual";
    LostLevel: "Lost in steps", "Perdido em degraus", "Perdido en escalones";
    Declines: "It falls day by day.", "Cai dia após dia.", "Cae día tras día.";
    Flaps: "It comes and goes.", "Vai e volta.", "Va y viene.";
    Calculated: "Calculated", "Calculado", "Calculado";
    CalculatedOf: "{} by the plant's losses", "{} pelas perdas da rede", "{} por las pérdidas de la red";
    Deviation: "{} dB against that", "{} dB em relação a isso", "{} dB respecto a eso";
    RouteLength: "Route in OZmap", "Rota no OZmap", "Ruta en OZmap";
    NoRoute: "no route to a PON in OZmap, or its launch power is not known", "sem rota até uma PON no OZmap, ou potência de saída desconhecida", "sin ruta a una PON en OZmap, o potencia de salida desconocida";
    LaunchEstimated: "(launch power estimated from its PON)", "(potência de saída estimada pela PON)", "(potencia de salida estimada por la PON)";
    Doubt: "Probably documented wrong", "Provavelmente documentado errado", "Probablemente mal documentado";
    Unread: "not read: {}", "não lido: {}", "no leído: {}";
    NoClient: "no client is known for sure", "nenhum cliente conhecido com certeza", "ningún cliente conocido con certeza";
    InIncident: "Part of an incident", "Parte de um incidente", "Parte de un incidente";

    History: "History", "Histórico", "Historial";
    Day: "24 hours", "24 horas", "24 horas";
    Week: "7 days", "7 dias", "7 días";
    Month: "30 days", "30 dias", "30 días";
    Year: "a year", "um ano", "un año";
    NoStore: "No history is kept: the config has no [store] section.", "Nenhum histórico é guardado: a configuração não tem a seção [store].", "No se guarda historial: la configuración no tiene la sección [store].";
    NoHistory: "Nothing was read of it in this time.", "Nada foi lido dela neste período.", "Nada se leyó de ella en este tiempo.";
    PlotTitle: "Levels over time, {} readings", "Níveis ao longo do tempo, {} leituras", "Niveles a lo largo del tiempo, {} lecturas";
    Sensitivity: "sensitivity", "sensibilidade", "sensibilidad";
    Overload: "overload", "sobrecarga", "sobrecarga";
    Readings: "Readings", "Leituras", "Lecturas";

    TruthUp: "up", "ativa", "activa";
    TruthDown: "down", "fora", "caída";
    TruthStale: "not known", "desconhecida", "desconocida";
    CauseOptical: "no light", "sem luz", "sin luz";
    CausePower: "no power", "sem energia", "sin energía";
    CauseAdmin: "switched off", "desativada", "desactivada";
    CauseAuth: "refused", "recusada", "rechazada";
    CauseRogue: "rogue", "intrusa", "intrusa";
    CauseRestart: "restarting", "reiniciando", "reiniciando";
    CauseUnknown: "cause not known", "causa desconhecida", "causa desconocida";
    LevelGood: "good", "bom", "bueno";
    LevelWeak: "weak", "fraco", "débil";
    LevelCritical: "too weak", "fraco demais", "demasiado débil";
    LevelOverload: "too strong", "forte demais", "demasiado fuerte";
    LevelUnread: "not read", "não lido", "no leído";
    VerdictOk: "OK", "OK", "OK";
    VerdictError: "ERROR", "ERRO", "ERROR";
    VerdictHold: "as it is", "como está", "como está";
    ElementOlt: "OLT", "OLT", "OLT";
    ElementSlot: "card", "placa", "tarjeta";
    ElementPon: "PON", "PON", "PON";
    ElementBox: "box", "caixa", "caja";
    ElementCable: "cable", "cabo", "cable";
    ElementDrop: "drop", "drop", "acometida";
    ElementFiber: "fibre", "fibra", "fibra";
    ElementSplitter: "splitter", "divisor", "divisor";
    ElementJoint: "joint", "emenda", "empalme";
    ElementArea: "area", "área", "área";
    Unnamed: "without a name", "sem nome", "sin nombre";
}

impl Text {
    /// In a language, with these values in the places of its `{}`.
    pub(super) fn with(self, lang: Lang, values: &[&dyn Display]) -> String {
        let mut pieces = self.of(lang).split("{}");
        let mut text = pieces.next().unwrap_or_default().to_owned();
        let mut values = values.iter();
        for piece in pieces {
            if let Some(value) = values.next() {
                text.push_str(&value.to_string());
            }
            text.push_str(piece);
        }
        text
    }
}

/// Something that the pages have a text for.
pub(super) trait Worded {
    /// Its text.
    fn text(&self) -> Text;
}

impl Worded for Kind {
    fn text(&self) -> Text {
        match self {
            Self::Cut => Text::KindCut,
            Self::Power => Text::KindPower,
            Self::Equipment => Text::KindEquipment,
            Self::Drop => Text::KindDrop,
            Self::Degradation => Text::KindDegradation,
            Self::OltUnreachable => Text::KindUnreachable,
            Self::DataQuality => Text::KindQuality,
            Self::Undetermined => Text::KindUndetermined,
        }
    }
}

impl Worded for State {
    fn text(&self) -> Text {
        match self {
            Self::Open => Text::StateOpen,
            Self::Recovering => Text::StateRecovering,
            Self::Cleared => Text::StateCleared,
        }
    }
}

impl Worded for Severity {
    fn text(&self) -> Text {
        match self {
            Self::Critical => Text::SeverityCritical,
            Self::Major => Text::SeverityMajor,
            Self::Minor => Text::SeverityMinor,
            Self::Warning => Text::SeverityWarning,
        }
    }
}

impl Worded for Truth {
    fn text(&self) -> Text {
        match self {
            Self::Up => Text::TruthUp,
            Self::Down(_) => Text::TruthDown,
            Self::Stale => Text::TruthStale,
        }
    }
}

impl Worded for Cause {
    fn text(&self) -> Text {
        match self {
            Self::Optical => Text::CauseOptical,
            Self::Power => Text::CausePower,
            Self::Admin => Text::CauseAdmin,
            Self::Auth => Text::CauseAuth,
            Self::Rogue => Text::CauseRogue,
            Self::Restart => Text::CauseRestart,
            Self::Unknown => Text::CauseUnknown,
        }
    }
}

impl Worded for Level {
    fn text(&self) -> Text {
        match self {
            Self::Good => Text::LevelGood,
            Self::Weak => Text::LevelWeak,
            Self::Critical => Text::LevelCritical,
            Self::Overload => Text::LevelOverload,
            Self::Unread => Text::LevelUnread,
        }
    }
}

impl Worded for Verdict {
    fn text(&self) -> Text {
        match self {
            Self::Ok => Text::VerdictOk,
            Self::Error => Text::VerdictError,
            Self::Hold => Text::VerdictHold,
        }
    }
}

impl Worded for SweepKind {
    fn text(&self) -> Text {
        match self {
            Self::Inventory => Text::SweepInventory,
            Self::State => Text::SweepState,
            Self::Optics => Text::SweepOptics,
        }
    }
}

/// The text for an element's kind, as incidents name it.
pub(super) fn element(kind: &str) -> Text {
    match kind {
        "olt" => Text::ElementOlt,
        "slot" => Text::ElementSlot,
        "pon" => Text::ElementPon,
        "cable" => Text::ElementCable,
        "drop" => Text::ElementDrop,
        "fiber" => Text::ElementFiber,
        "splitter" => Text::ElementSplitter,
        "joint" => Text::ElementJoint,
        "area" => Text::ElementArea,
        _ => Text::ElementBox,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_exists_in_every_language_and_takes_the_same_values() {
        assert!(Text::ALL.len() > 150);
        for text in Text::ALL {
            let values = text.of(Lang::En).matches("{}").count();
            for lang in Lang::ALL {
                let said = text.of(lang);
                assert!(!said.trim().is_empty() && said.trim() == said, "{text:?} {lang:?}");
                assert_eq!(said.matches("{}").count(), values, "{text:?} {lang:?}");
            }
        }
    }

    #[test]
    fn the_languages_are_really_others() {
        for (one, other) in [(Lang::En, Lang::Pt), (Lang::En, Lang::Es), (Lang::Pt, Lang::Es)] {
            let same = Text::ALL.iter().filter(|text| text.of(one) == text.of(other)).count();
            assert!(same * 3 < Text::ALL.len(), "{same} texts are the same in {one:?} and {other:?}");
        }
    }

    #[test]
    fn values_stand_in_their_places() {
        assert_eq!(Text::Between.with(Lang::Pt, &[&"CEO 07", &"CEO 08"]), "entre CEO 07 e CEO 08");
        assert_eq!(Text::AllOlts.with(Lang::En, &[&12]), "All 12 OLTs");
        assert_eq!(Text::Between.with(Lang::En, &[&"{}", &"b"]), "between {} and b", "a value is no pattern");
    }
}
