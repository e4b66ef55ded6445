//! Histories: drawn from a seed, told, and shrunk when they fail.

use std::ops::Range;

use fastrand::Rng;
use jiff::SignedDuration;
use token_providers::sandbox::{
    DeleteAnswer, Effect, Envelope, ErrorBody, Expired, Fault, Instants, Options, PatStatus, RateLimits, Refused,
    RotationExpiry, SuccessCode, ToggleAnswer, When,
};

use super::network::Moment;
use super::provider::Speed;

/// What happens to one account and the workspaces that manage it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct History {
    /// For what is left to chance while it runs: how long requests take, how long the provider pauses.
    pub(crate) seed: u64,
    pub(crate) platform: Options,
    pub(crate) steps: Vec<Step>,
}

/// Each stands by itself, so that a history without it is a history too.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// What a workspace declares from now on at one of its places. A name that stood at another place has moved.
    Declare {
        workspace: usize,
        place: usize,
        token: Option<Token>,
    },
    /// What the first workspace declares about personal access tokens.
    DeclareToggle(Option<bool>),
    Fault(Fault),
    Apply(Apply),
    /// Two runs at once, one of each workspace.
    ApplyBoth([Apply; 2]),
    /// By a person: does nothing where there is such a service account, or a state thinks so.
    CreateOutside(&'static str),
    /// By a person: does nothing where there is no such service account.
    RotateOutside(&'static str),
    DeleteOutside(&'static str),
    ToggleOutside,
    Pass {
        minutes: i64,
    },
    /// Until nothing that was sent can still be acted on.
    Settle,
}

/// `terraform apply`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Apply {
    pub(crate) workspace: usize,
    pub(crate) parallelism: usize,
    pub(crate) end: Option<(Cut, Moment)>,
}

/// What ends a run before its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cut {
    /// Killed.
    Crash,
    /// Ctrl-C.
    Interrupt,
}

/// A declared service account token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) name: &'static str,
    pub(crate) description: Option<&'static str>,
    pub(crate) ends: Ends,
    pub(crate) trigger: Option<u8>,
    pub(crate) adopt: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ends {
    ByDefault,
    /// `expires_at`, so many days from when it is declared.
    InDays(i64),
    /// `expires_in` and `rotate_before`.
    After {
        hours: i64,
        rotate_before: Option<i64>,
    },
}

/// The names that each workspace uses: no two use the same.
const NAMES: [[&str; 4]; 2] = [
    ["build", "deploy", "metrics", "nightly"],
    ["audit", "backup", "chat", "drill"],
];

/// A value that no answer should have carried.
pub(crate) const STRANGE: &str = "NotMeantForU.ToBeSeenByAnyone";

const ENDPOINTS: [(&str, &str); 7] = [
    ("POST", "/service-account"),
    ("POST", "/service-account"),
    ("POST", "/service-account/rotate"),
    ("DELETE", "/service-account"),
    ("PATCH", "/user-token/status"),
    ("GET", "/user-token/status"),
    ("GET", "/service-accounts"),
];

impl History {
    /// The history of a seed.
    pub(crate) fn draw(seed: u64, speed: Speed) -> Self {
        let mut draw = Draw(Rng::with_seed(seed), speed);
        let platform = draw.platform();
        let mut steps = vec![draw.declaration(0), draw.apply_step()];
        let length = match speed {
            Speed::Simulated => draw.0.usize(2..12),
            Speed::Real => draw.0.usize(2..6),
        };
        steps.extend((0..length).map(|_| draw.step()));
        Self { seed, platform, steps }
    }

    /// The shortest history that `fails` too, by leaving out steps and what can be left out of them.
    pub(crate) fn shrink(mut self, fails: impl Fn(&Self) -> bool) -> Self {
        loop {
            let shorter = self.simpler().into_iter().find(&fails);
            match shorter {
                Some(shorter) => self = shorter,
                None => return self,
            }
        }
    }

    fn simpler(&self) -> Vec<Self> {
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
            Self::Apply(apply) if apply.end.is_some() => vec![Self::Apply(Apply {
                end: None,
                ..apply.clone()
            })],
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
                    adopt: false,
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

struct Draw(Rng, Speed);

impl Draw {
    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.0.usize(..choices.len())].clone()
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.0.u32(..100) < percent
    }

    fn maybe<T>(&mut self, percent: u32, draw: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.chance(percent).then(|| draw(self))
    }

    /// What the platform's document leaves open, in any of its readings that let a client know what it has to know.
    fn platform(&mut self) -> Options {
        Options {
            quota: 10,
            // A minute of waiting is long for who has no clock to move.
            rate_limits: (self.1 == Speed::Simulated).then(RateLimits::default),
            retry_after: self.0.bool(),
            list: self.one_of(&[Envelope::Bare, Envelope::Wrapped]),
            nulls: self.0.bool(),
            instants: self.one_of(&[Instants::Zulu, Instants::Fraction, Instants::Offset]),
            pat_status: self.one_of(&[PatStatus::Flag, PatStatus::UpperWord, PatStatus::BareFlag]),
            toggle: self.one_of(&[ToggleAnswer::Status, ToggleAnswer::Empty, ToggleAnswer::NoContent]),
            create: self.one_of(&[SuccessCode::Ok, SuccessCode::Created]),
            rotate: self.one_of(&[SuccessCode::Ok, SuccessCode::Created]),
            delete: self.one_of(&[DeleteAnswer::NoContent, DeleteAnswer::Empty, DeleteAnswer::Body]),
            errors: self.one_of(&[
                ErrorBody::Message,
                ErrorBody::Nested,
                ErrorBody::Plain,
                ErrorBody::Empty,
            ]),
            expired: self.one_of(&[Expired::Listed, Expired::Hidden, Expired::Purged]),
            expired_use_quota: self.0.bool(),
            rotation_expiry: self.one_of(&[RotationExpiry::Default, RotationExpiry::Unchanged]),
            name_taken: self.one_of(&[Refused::Conflict, Refused::BadRequest]),
            ..Options::default()
        }
    }

    fn step(&mut self) -> Step {
        match self.0.u32(..100) {
            0..25 => self.declaration(0),
            25..32 => self.declaration(1),
            32..37 => Step::DeclareToggle(self.maybe(80, |draw| draw.0.bool())),
            37..57 => Step::Fault(self.fault()),
            57..80 => self.apply_step(),
            80..84 => {
                let mut apply = |workspace| Apply {
                    workspace,
                    ..self.apply()
                };
                Step::ApplyBoth([apply(0), apply(1)])
            }
            84..86 => Step::CreateOutside(self.name(0..2)),
            86..88 => Step::RotateOutside(self.name(0..2)),
            88..91 => Step::DeleteOutside(self.name(0..2)),
            91..93 => Step::ToggleOutside,
            93..98 => Step::Pass {
                minutes: self.one_of(&[1, 60, 23 * 60, 26 * 60, 6 * 24 * 60, 31 * 24 * 60, 95 * 24 * 60]),
            },
            _ => Step::Settle,
        }
    }

    fn name(&mut self, workspaces: Range<usize>) -> &'static str {
        let workspace = self.0.usize(workspaces);
        self.one_of(&NAMES[workspace])
    }

    fn declaration(&mut self, workspace: usize) -> Step {
        let place = self.0.usize(..3);
        let token = self.maybe(85, |draw| Token {
            name: draw.name(workspace..workspace + 1),
            description: draw.maybe(15, |_| "made by Terraform"),
            ends: draw.ends(),
            trigger: draw.maybe(50, |draw| draw.0.u8(..3)),
            adopt: draw.chance(10),
        });
        Step::Declare {
            workspace,
            place,
            token,
        }
    }

    fn ends(&mut self) -> Ends {
        match self.0.u32(..3) {
            0 => Ends::ByDefault,
            1 => Ends::InDays(self.one_of(&[1, 30, 300])),
            _ => {
                let hours = self.one_of(&[2, 24, 30 * 24, 300 * 24]);
                Ends::After {
                    hours,
                    rotate_before: self.maybe(60, |draw| draw.one_of(&[hours / 2, hours / 4])),
                }
            }
        }
    }

    fn apply_step(&mut self) -> Step {
        Step::Apply(self.apply())
    }

    fn apply(&mut self) -> Apply {
        Apply {
            workspace: usize::from(self.chance(15)),
            parallelism: self.one_of(&[1, 10, 50]),
            end: self.maybe(35, |draw| {
                let cut = if draw.chance(65) { Cut::Crash } else { Cut::Interrupt };
                let moment = Moment {
                    request: draw.0.u32(1..9),
                    when: draw.one_of(&[When::Before, When::After]),
                };
                (cut, moment)
            }),
        }
    }

    fn fault(&mut self) -> Fault {
        let (method, path) = self.one_of(&ENDPOINTS);
        let seconds = match self.1 {
            // The longest are longer than the provider waits.
            Speed::Simulated => self.one_of(&[1, 5, 20, 29, 45]),
            Speed::Real => 0,
        };
        let times = match self.1 {
            Speed::Simulated => self.one_of(&[1, 1, 1, 2, 3, 8]),
            Speed::Real => 1,
        };
        let page = ("content-type", "text/html");
        let effect = match self.0.u32(..16) {
            0 | 1 => Fault::new(Effect::Cut),
            2 => Fault::new(Effect::Truncate),
            3 => Fault::new(Effect::Hang),
            4 => Fault::new(Effect::Delay(SignedDuration::from_secs(seconds))),
            5 => Fault::answer(500),
            6 => Fault::answer(502)
                .header(page.0, page.1)
                .body("<html>Bad gateway</html>"),
            7 => Fault::answer(503).header("retry-after", "7"),
            8 => Fault::answer(504),
            9 => Fault::answer(429),
            10 => Fault::answer(408),
            11 => Fault::answer(self.one_of(&[400, 401, 403, 404, 409])),
            12 => Fault::answer(200),
            13 => Fault::answer(200).header(page.0, page.1).body("<html>Sign in</html>"),
            14 => {
                let status = self.one_of(&[200, 200, 400, 409, 500]);
                Fault::answer(status).body(&format!(
                    r#"{{"name":"somebody-else","token":"{STRANGE}","token-id":1}}"#
                ))
            }
            _ => Fault::answer(200).body(r#"[{"name": "#),
        };
        let fault = effect.on(method, path).times(times).skip(self.one_of(&[0, 0, 0, 1, 2]));
        // Who refuses has not acted.
        let refuses = matches!(&fault.effect, Effect::Answer(answer) if (400..500).contains(&answer.status) && answer.status != 408);
        if refuses || self.0.bool() { fault } else { fault.after() }
    }
}
