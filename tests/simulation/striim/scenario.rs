//! Scenarios, and how a failed one is simplified.

use token_providers::sandbox::Fault;
use token_providers::sandbox::striim::Options;

use super::declared::{Ends, Lifecycle, OWN, Pair, Pat, Token};
use super::network::Moment;
use super::terraform::Spelling;
use crate::simulation::storage::Storage;
use crate::simulation::vault::VaultEvent;

/// The events in one account and the workspaces that manage it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scenario {
    /// The seed of delays and pauses while it runs.
    pub(crate) seed: u64,
    pub(crate) platform: Options,
    /// How far the machine's clock is ahead of the platform's.
    pub(crate) skew_minutes: i64,
    pub(crate) steps: Vec<Step>,
}

/// An event. A scenario without it is valid, too.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// A workspace changes the declaration at one of its places. A name from another place moves.
    Declare {
        workspace: usize,
        place: usize,
        token: Option<Token>,
    },
    /// The first workspace changes its pair.
    DeclarePair(Option<Pair>),
    DeclarePat {
        user: usize,
        pat: Option<Pat>,
    },
    /// A workspace changes its declaration of PATs, which never contradicts the other workspace.
    DeclareToggle {
        workspace: usize,
        enabled: Option<bool>,
    },
    Fault(Fault),
    Vault(VaultEvent),
    Apply(Apply),
    /// Two runs at once, one of each workspace.
    ApplyBoth([Apply; 2]),
    /// A run of this workspace by a provider that is pointed at another account.
    ApplyElsewhere(usize),
    /// Another user creates a service account, unless it exists or a state has it.
    CreateOutside(&'static str),
    /// Another user rotates a service account, if it exists.
    RotateOutside(&'static str),
    DeleteOutside(&'static str),
    /// Another user rotates a PAT, unless PATs are disabled.
    RotatePatOutside(usize),
    RevokePatOutside(usize),
    ToggleOutside,
    Pass {
        minutes: i64,
    },
    /// Waits until no request can still take effect.
    Settle,
}

/// `terraform apply`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Apply {
    pub(crate) workspace: usize,
    pub(crate) parallelism: usize,
    pub(crate) spelling: Spelling,
    /// The place that `-replace` names.
    pub(crate) replace: Option<usize>,
    /// The time between the saved plan and its apply.
    pub(crate) waits_minutes: i64,
    pub(crate) end: Option<(Cut, Moment)>,
}

/// The interruption of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cut {
    /// Killed.
    Crash,
    /// Ctrl-C.
    Interrupt,
}

impl Scenario {
    /// Scenarios without one of its steps, or with less in one of them.
    pub(crate) fn simpler(&self) -> Vec<Self> {
        let mut simpler = Vec::new();
        for index in (0..self.steps.len()).rev() {
            let mut without = self.clone();
            without.steps.remove(index);
            simpler.push(without);
            for step in self.steps[index].simpler() {
                let mut with = self.clone();
                with.steps[index] = step;
                simpler.push(with);
            }
        }
        let plain = Options {
            quota: self.platform.quota,
            ..Options::default()
        };
        if self.skew_minutes != 0 {
            simpler.push(Self {
                skew_minutes: 0,
                ..self.clone()
            });
        }
        if self.platform != plain {
            simpler.push(Self {
                platform: plain,
                ..self.clone()
            });
        }
        simpler
    }
}

impl Step {
    fn simpler(&self) -> Vec<Self> {
        match self {
            Self::Apply(apply) => {
                let plain = Apply {
                    spelling: Spelling::default(),
                    replace: None,
                    waits_minutes: 0,
                    end: None,
                    ..apply.clone()
                };
                let simpler = [
                    Apply {
                        end: None,
                        ..apply.clone()
                    },
                    plain,
                ];
                let differs = |simpler: &Apply| simpler != apply;
                simpler.into_iter().filter(differs).map(Self::Apply).collect()
            }
            Self::ApplyBoth(both) => both.iter().cloned().map(Self::Apply).collect(),
            Self::Fault(fault) if fault.times > 1 => vec![Self::Fault(fault.clone().times(fault.times - 1))],
            Self::Declare {
                workspace,
                place,
                token: Some(token),
            } => {
                let simple = Token {
                    description: None,
                    ends: Ends::ByDefault,
                    trigger: None,
                    adopt: token.name == OWN,
                    lifecycle: Lifecycle::default(),
                    storage: Storage::default(),
                    ..token.clone()
                };
                if *token == simple {
                    return Vec::new();
                }
                vec![Self::Declare {
                    workspace: *workspace,
                    place: *place,
                    token: Some(simple),
                }]
            }
            _ => Vec::new(),
        }
    }
}
