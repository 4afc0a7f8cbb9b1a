//! The way of light to one client, as OZmap documents it.

use std::sync::Arc;

use crate::model::{Dbm, Decibels, ElementId, Metres};

/// Most elements of a route; real paths have some fifty.
pub(super) const MAX_HOPS: usize = 1024;
/// Longest name, in octets.
pub(super) const MAX_NAME: usize = 512;

/// Something with OZmap's id and name; either may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Named {
    /// Its id.
    pub id: Option<ElementId>,
    /// Its name; never empty.
    pub name: Option<Arc<str>>,
}

impl Named {
    /// With an id and a name; an empty name is none.
    #[must_use]
    pub fn new(id: ElementId, name: &str) -> Self {
        Self { id: Some(id), name: (!name.is_empty()).then(|| Arc::from(name)) }
    }

    pub(super) const fn is_nothing(&self) -> bool {
        self.id.is_none() && self.name.is_none()
    }
}

/// The port that a route begins at, as OZmap names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeadEnd {
    /// The OLT.
    pub olt: Named,
    /// The card.
    pub slot: Named,
    /// The PON port.
    pub pon: Named,
}

/// What an element of a route is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum HopKind {
    /// The OLT's port; its parent is the card.
    Pon,
    /// A patch panel.
    Dio,
    /// A fibre of a cable or drop.
    Fiber,
    /// A splice.
    Fusion,
    /// A fibre that passes through a box uncut.
    Passing,
    /// Two connectors that meet.
    Connector,
    /// A splitter.
    Splitter,
    /// Anything else.
    Other,
}

impl HopKind {
    /// Every kind. The order is on disk: new ones go to the end.
    pub const ALL: [Self; 8] =
        [Self::Pon, Self::Dio, Self::Fiber, Self::Fusion, Self::Passing, Self::Connector, Self::Splitter, Self::Other];

    /// From OZmap's word (`element.kind`); what is not known is [`HopKind::Other`].
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "pon" => Self::Pon,
            "dio" => Self::Dio,
            "fiber" | "cord" => Self::Fiber,
            "fusion" => Self::Fusion,
            "passing" => Self::Passing,
            "connector" => Self::Connector,
            "splitter" => Self::Splitter,
            _ => Self::Other,
        }
    }
}

/// What an element of a route lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ParentKind {
    /// A box, POP or building: of all joints.
    Place,
    /// A cable: of fibres.
    Cable,
    /// A drop: of a client's own fibre.
    Drop,
}

impl ParentKind {
    /// Every kind. The order is on disk: new ones go to the end.
    pub const ALL: [Self; 3] = [Self::Place, Self::Cable, Self::Drop];
}

/// The cable, drop or place that an element lies in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// What it is.
    pub kind: ParentKind,
    /// Its id and name; drops have no name.
    pub named: Named,
    /// Length of a cable or drop, where given.
    pub length: Option<Metres>,
}

/// One element of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// What it is.
    pub kind: HopKind,
    /// Its id and name.
    pub element: Named,
    /// A splitter's output, or a patch panel's port, from 1 on.
    pub port: Option<u16>,
    /// What it lies in.
    pub parent: Option<Parent>,
    /// Its loss; `None` where OZmap gives none (the PON).
    pub loss: Option<Decibels>,
    /// From the head end to its far side.
    pub distance: Metres,
}

/// The way of light to one client, head end first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// The port, where the documented path reaches one.
    pub head_end: Option<HeadEnd>,
    /// Whether it does (`pon_reached`). Where not, the way begins somewhere, and no power can be reckoned.
    pub pon_reached: bool,
    /// Launch power of the port; 0, OZmap's default, means that nobody entered it ([`Route::entered_launch`]).
    pub launch: Option<Dbm>,
    /// Sum of all losses; `None` where OZmap gives none.
    pub loss: Option<Decibels>,
    /// The elements, the drop last.
    pub hops: Vec<Hop>,
}

impl Route {
    /// The launch power, where somebody entered one.
    #[must_use]
    pub fn entered_launch(&self) -> Option<Dbm> {
        self.launch.filter(|launch| launch.thousandths() != 0 && self.pon_reached)
    }

    /// The power that should arrive: launch power without all losses (`ozmap-api.md` 6.4). `None` when no PON is reached, when its launch
    /// power was not entered, or when losses are not given.
    #[must_use]
    pub fn calculated(&self) -> Option<Dbm> {
        Some(self.entered_launch()? - self.loss?)
    }
}
