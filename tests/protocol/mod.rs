//! The plugin protocol from outside: the real program, started and called in the same way as by
//! Terraform.

mod debugging;
#[cfg(target_os = "linux")]
mod empty_root;
mod handshake;
mod kinds;
mod kit;
mod lifetime;
mod log;
mod messages;
mod mutual_tls;
mod plugin;
