//! Draws scenarios from seeds.

use fastrand::Rng;
use jiff::SignedDuration;
use token_providers::sandbox::striim::{
    DeleteAnswer, Envelope, ErrorBody, Expired, Instants, Options, PatStatus, RateLimits, RefusalStatus,
    RotationExpiry, SuccessCode, ToggleAnswer,
};
use token_providers::sandbox::{Effect, Fault, When};

use super::declared::{Ends, Lifecycle, OWN, PLACES, Pair, Pat, RELAYS, Token, USERS};
use super::network::{AUTHORIZED_BY, Moment};
use super::scenario::{Apply, Cut, Scenario, Step};
use super::terraform::Spelling;
use crate::simulation::speed::Speed;
use crate::simulation::storage::Storage;
use crate::simulation::vault::{Server, VaultEvent};

/// The names of each workspace, which are disjoint.
const NAMES: [[&str; 4]; 2] = [
    ["build", "deploy", "metrics", "nightly"],
    ["audit", "backup", "chat", "drill"],
];

/// A value of another user, which no answer may contain.
pub(crate) const STRANGE: &str = "NotMeantForU.ToBeSeenByAnyone";

/// Answers of gateways and default backends to an unknown path.
const IMPOSTERS: [(u16, &str); 8] = [
    (404, "404 page not found\n"),
    (404, "default backend - 404"),
    (404, r#"{"message":"no Route matched with those values"}"#),
    (
        404,
        r#"{"timestamp":"2027-01-01T00:00:00Z","status":404,"error":"Not Found","path":"/api/v1"}"#,
    ),
    (404, ""),
    (204, ""),
    (200, "null"),
    (200, "[]"),
];

/// Incomplete lists of service accounts.
const PARTS: [&str; 3] = [
    r#"{"content":[],"totalElements":3,"last":false}"#,
    r#"{"service-accounts":[],"hasMore":true}"#,
    r#"{"data":[],"total":7}"#,
];

const ENDPOINTS: [(&str, &str); 6] = [
    ("POST", "/service-account"),
    ("POST", "/service-account"),
    ("POST", "/service-account/rotate"),
    ("POST", "/service-account/rotate"),
    ("DELETE", "/service-account"),
    ("GET", "/service-accounts"),
];

const PAT_ENDPOINTS: [(&str, &str); 3] = [
    ("POST", "/user-token/rotate"),
    ("DELETE", "/user-token"),
    ("GET", "/user-token"),
];

const TOGGLE_ENDPOINTS: [(&str, &str); 2] = [("PATCH", "/user-token/status"), ("GET", "/user-token/status")];

impl Scenario {
    /// The scenario of a seed.
    pub(crate) fn draw(seed: u64, speed: Speed) -> Self {
        let mut draw = Draw {
            random: Rng::with_seed(seed),
            storage: Rng::with_seed(!seed),
            speed,
            kinds: Kinds::default(),
        };
        draw.kinds = Kinds {
            pair: draw.chance(35),
            pats: draw.chance(35),
            toggle: draw.chance(30),
            own: draw.chance(20),
        };
        let platform = draw.platform();
        let skew_minutes = match speed {
            Speed::Simulated => draw.one_of(&[0, 0, 0, 0, 0, -130, 2, 130, 40 * 24 * 60, -40 * 24 * 60]),
            // The provider's process has the machine's clock, and so has the platform.
            Speed::Real => 0,
        };
        let mut steps = vec![draw.declaration()];
        let length = match speed {
            Speed::Simulated => draw.random.usize(2..9),
            Speed::Real => draw.random.usize(2..5),
        };
        for _ in 0..length {
            draw.scene(&mut steps);
        }
        Self {
            seed,
            platform,
            skew_minutes,
            steps,
        }
    }
}

struct Draw {
    random: Rng,
    /// Draws where values are stored and what happens to Vault, and leaves all else of a seed's scenario as it is.
    storage: Rng,
    speed: Speed,
    kinds: Kinds,
}

/// The objects of a scenario in addition to service account tokens. Fewer kinds interact in more ways.
#[derive(Default)]
struct Kinds {
    pair: bool,
    pats: bool,
    toggle: bool,
    /// The provider's own token is declared.
    own: bool,
}

impl Draw {
    fn storage(&mut self) -> Storage {
        Storage::draw(&mut self.storage)
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.random.usize(..choices.len())].clone()
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.u32(..100) < percent
    }

    fn maybe<T>(&mut self, percent: u32, draw: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.chance(percent).then(|| draw(self))
    }

    /// Options of the platform within its documentation that leave a client enough information.
    fn platform(&mut self) -> Options {
        let (user_token_names_user, admins_revoke_by_email) =
            self.one_of(&[(true, false), (true, true), (false, true)]);
        let refused = [RefusalStatus::Conflict, RefusalStatus::BadRequest];
        Options {
            quota: self.one_of(&[3, 10, 10]),
            // At real speed a minute of waiting is long.
            rate_limits: (self.speed == Speed::Simulated).then(RateLimits::default),
            retry_after: self.random.bool(),
            list: self.one_of(&[Envelope::Bare, Envelope::Wrapped]),
            user_token: self.one_of(&[Envelope::Bare, Envelope::Wrapped]),
            user_token_names_user,
            nulls: self.random.bool(),
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
            expired_use_quota: self.random.bool(),
            rotation_expiry: self.one_of(&[RotationExpiry::Default, RotationExpiry::Unchanged]),
            name_taken: self.one_of(&refused),
            rotation_creates_pat: self.random.bool(),
            pats_disabled: self.one_of(&refused),
            admins_revoke_by_email,
            ..Options::default()
        }
    }

    /// Draws a few related steps, mostly a run with its changes and faults.
    fn scene(&mut self, steps: &mut Vec<Step>) {
        match self.random.u32(..100) {
            0..70 => {
                let declarations = self.one_of(&[0, 1, 1, 2]);
                steps.extend((0..declarations).map(|_| self.declaration()));
                let faults = self.one_of(&[0, 0, 1, 1, 2, 3]);
                steps.extend((0..faults).map(|_| Step::Fault(self.fault())));
                let events = VaultEvent::draw(&mut self.storage, self.speed);
                steps.extend(events.into_iter().map(Step::Vault));
                steps.push(self.run());
            }
            70..85 => {
                let outside = self.outside();
                steps.push(outside);
            }
            85..95 => steps.push(Step::Pass {
                minutes: self.one_of(&[1, 60, 23 * 60, 26 * 60, 6 * 24 * 60, 31 * 24 * 60, 95 * 24 * 60]),
            }),
            _ => steps.push(Step::Settle),
        }
    }

    /// Draws a change outside Terraform.
    fn outside(&mut self) -> Step {
        let user = self.random.usize(..USERS.len());
        match self.random.u32(..10) {
            0 | 1 => Step::CreateOutside(self.any_name()),
            2 if self.kinds.pats => Step::RotatePatOutside(user),
            3 if self.kinds.pats => Step::RevokePatOutside(user),
            4 if self.kinds.toggle || self.kinds.pats => Step::ToggleOutside,
            5 if self.kinds.own => Step::RotateOutside(OWN),
            6 | 7 if self.kinds.pair => {
                let name = self.one_of(&RELAYS);
                self.one_of(&[Step::RotateOutside(name), Step::DeleteOutside(name)])
            }
            8 => Step::RotateOutside(self.any_name()),
            _ => Step::DeleteOutside(self.any_name()),
        }
    }

    fn any_name(&mut self) -> &'static str {
        let workspace = usize::from(self.chance(30));
        self.one_of(&NAMES[workspace])
    }

    fn declaration(&mut self) -> Step {
        match self.random.u32(..10) {
            0 | 1 if self.kinds.pair => Step::DeclarePair(self.maybe(85, Self::pair)),
            2 | 3 if self.kinds.pats => Step::DeclarePat {
                user: self.random.usize(..USERS.len()),
                pat: self.maybe(85, |draw| Pat {
                    ends: draw.ends(&[1, 30, 80]),
                    trigger: draw.trigger(),
                    storage: draw.storage(),
                }),
            },
            4 if self.kinds.toggle => Step::DeclareToggle {
                workspace: usize::from(self.chance(30)),
                enabled: self.maybe(80, |draw| draw.random.bool()),
            },
            5 if self.kinds.own => Step::Declare {
                workspace: 0,
                place: PLACES - 1,
                token: Some(Token {
                    name: OWN,
                    description: None,
                    ends: Ends::InDays(self.one_of(&[1, 30, 300])),
                    trigger: self.trigger(),
                    adopt: true,
                    lifecycle: Lifecycle::default(),
                    storage: self.storage(),
                }),
            },
            _ => self.token(),
        }
    }

    fn token(&mut self) -> Step {
        let workspace = usize::from(self.chance(20));
        let token = self.maybe(85, |draw| Token {
            name: draw.one_of(&NAMES[workspace]),
            description: draw.maybe(15, |_| "made by Terraform"),
            ends: draw.ends(&[1, 30, 300]),
            trigger: draw.trigger(),
            adopt: draw.chance(10),
            lifecycle: Lifecycle {
                create_before_destroy: draw.chance(15),
                ignores_expiry: draw.chance(10),
            },
            storage: draw.storage(),
        });
        Step::Declare {
            workspace,
            place: self.random.usize(..PLACES - 1),
            token,
        }
    }

    fn pair(&mut self) -> Pair {
        let hours = self.one_of(&[2, 24, 30 * 24, 300 * 24]);
        Pair {
            hours,
            rotate_every: self.maybe(50, |draw| draw.one_of(&[hours / 2, hours - 1])),
            trigger: self.trigger(),
            storage: self.storage(),
        }
    }

    fn trigger(&mut self) -> Option<u8> {
        self.maybe(60, |draw| draw.random.u8(..3))
    }

    fn ends(&mut self, days: &[i64; 3]) -> Ends {
        match self.random.u32(..7) {
            0 | 1 => Ends::ByDefault,
            2 => Ends::AfterSeconds(self.one_of(&[1, 2, 5, 60])),
            3 | 4 => Ends::InDays(self.one_of(days)),
            _ => {
                let hours = self.one_of(&[2, 24 * days[0], 24 * days[1], 24 * days[2]]);
                Ends::After {
                    hours,
                    rotate_before: self.maybe(60, |draw| draw.one_of(&[hours / 2, hours - 1])),
                }
            }
        }
    }

    fn run(&mut self) -> Step {
        if self.speed == Speed::Simulated && self.chance(4) {
            return Step::ApplyElsewhere(usize::from(self.chance(15)));
        }
        if !self.chance(15) {
            let workspace = usize::from(self.chance(15));
            return Step::Apply(self.apply(workspace));
        }
        Step::ApplyBoth([self.apply(0), self.apply(1)])
    }

    fn apply(&mut self, workspace: usize) -> Apply {
        Apply {
            workspace,
            parallelism: self.one_of(&[1, 10, 50]),
            spelling: match self.speed {
                Speed::Simulated => {
                    self.one_of(&[Spelling::Name, Spelling::Name, Spelling::Capitals, Spelling::BaseUrl])
                }
                Speed::Real => Spelling::Name,
            },
            replace: self.maybe(5, |draw| draw.random.usize(..PLACES - 1)),
            waits_minutes: match self.speed {
                Speed::Simulated => self.one_of(&[0, 0, 0, 0, 0, 0, 1, 60, 26 * 60]),
                Speed::Real => 0,
            },
            end: self
                .maybe(35, |draw| {
                    let cut = if draw.chance(65) { Cut::Crash } else { Cut::Interrupt };
                    let moment = Moment {
                        server: Server::Platform,
                        request: draw.random.u32(1..9),
                        when: draw.one_of(&[When::Before, When::After]),
                    };
                    (cut, moment)
                })
                .or_else(|| self.end_at_vault()),
        }
    }

    /// Draws the interruption of a run that delivers values.
    fn end_at_vault(&mut self) -> Option<(Cut, Moment)> {
        let random = &mut self.storage;
        let cut = match random.u8(..12) {
            0 | 1 => Cut::Crash,
            2 => Cut::Interrupt,
            _ => return None,
        };
        let moment = Moment {
            server: Server::Vault,
            request: random.u32(1..9),
            when: if random.bool() { When::Before } else { When::After },
        };
        Some((cut, moment))
    }

    fn fault(&mut self) -> Fault {
        let (method, path) = match self.random.u32(..10) {
            0..3 if self.kinds.pats => self.one_of(&PAT_ENDPOINTS),
            3..5 if self.kinds.toggle || self.kinds.pats => self.one_of(&TOGGLE_ENDPOINTS),
            _ => self.one_of(&ENDPOINTS),
        };
        let seconds = match self.speed {
            // The longest exceed the timeout of the provider.
            Speed::Simulated => self.one_of(&[1, 5, 20, 29, 45]),
            Speed::Real => 0,
        };
        let times = match self.speed {
            Speed::Simulated => self.one_of(&[1, 1, 1, 2, 3, 8]),
            Speed::Real => 1,
        };
        let page = ("content-type", "text/html");
        let effect = match self.random.u32(..20) {
            // A gateway answers instead of the platform.
            18 => {
                let (status, body) = self.one_of(&IMPOSTERS);
                Fault::answer(status).body(body)
            }
            // A list that is marked as incomplete.
            19 => Fault::answer(200).body(self.one_of(&PARTS)),
            0 | 1 => Fault::new(Effect::Cut),
            2 => Fault::new(Effect::Truncate),
            3 => Fault::new(Effect::Hang),
            4 => Fault::new(Effect::Delay(SignedDuration::from_secs(seconds))),
            5 => Fault::answer(500),
            6 => Fault::answer(502)
                .header(page.0, page.1)
                .body("<html>Bad gateway</html>"),
            7 => Fault::answer(503).header("retry-after", if self.speed == Speed::Real { "0" } else { "7" }),
            8 => Fault::answer(504),
            9 => Fault::answer(429).header("retry-after", if self.speed == Speed::Real { "0" } else { "3" }),
            10 => Fault::answer(408),
            11 => Fault::answer(self.one_of(&[400, 401, 403, 404, 409])),
            12 => Fault::answer(200),
            13 => Fault::answer(200).header(page.0, page.1).body("<html>Sign in</html>"),
            14 => {
                let status = self.one_of(&[200, 200, 400, 409, 500]);
                Fault::answer(status).body(&format!(
                    r#"{{"name":"somebody-else","email":"eve@acme.example","token":"{STRANGE}","token-id":1}}"#
                ))
            }
            15 => {
                Fault::answer(self.one_of(&[400, 403, 500])).body(r#"{"message":"no: Authorization: Bearer {bearer}"}"#)
            }
            16 => Fault::answer(self.one_of(&[400, 502])).body(&format!("{AUTHORIZED_BY} is not known here")),
            _ => Fault::answer(200).body(r#"[{"name": "#),
        };
        let fault = effect.on(method, path).times(times).skip(self.one_of(&[0, 0, 0, 1, 2]));
        // A rejected request has no effect.
        let refuses = matches!(&fault.effect, Effect::Answer(answer) if (400..500).contains(&answer.status) && answer.status != 408);
        if refuses || self.random.bool() {
            fault
        } else {
            fault.after()
        }
    }
}
