//! What the providers of all platforms share: what they take from the world, what their configuration leads to, and how
//! they tell of failures.
//!
//! A platform's provider holds [`Parts`] and a [`Session`]. Its settings are read with [`settings`] and
//! [`vault_settings`], the attributes of its resources with [`attributes`]. Its failed requests are told with [`failure`],
//! what all its resources look at is a [`SharedList`]; what can be looked up is made by [`make_new`] or
//! [`make_unless_there`], and what is to go is ended by [`end_until_gone`]. A value that is not
//! to be in the state is handed over to Vault ([`hand_over`]).

pub(crate) mod account;
pub(crate) mod attributes;
pub(crate) mod decision_time;
pub(crate) mod declarations;
mod ending;
mod failure;
pub(crate) mod generation;
#[cfg(feature = "vault")]
pub(crate) mod hand_over;
mod making;
mod parts;
pub(crate) mod private_record;
mod session;
pub(crate) mod settings;
mod shared_list;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(feature = "vault")]
pub(crate) mod vault_settings;

pub(crate) use ending::end_until_gone;
pub(crate) use failure::failure;
pub(crate) use making::{Unmade, make_new, make_unless_there};
pub use parts::{Environment, Parts};
pub(crate) use session::{Contact, Session};
pub(crate) use shared_list::{Recent, SharedList};
