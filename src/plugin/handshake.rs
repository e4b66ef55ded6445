//! The handshake: the environment variables that Terraform sets, and the line that the plugin
//! prints.
//!
//! The rules are those of hashicorp/go-plugin (`docs/internals.md`, `server.go`).

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rustls::pki_types::CertificateDer;

use super::socket::{Address, Place};
use super::tls;

/// The version of the plugin protocol that `proto/tfplugin6.proto` describes.
pub(super) const PROTOCOL: u32 = 6;

/// The version of go-plugin's handshake.
const CORE_PROTOCOL: u32 = 1;

/// The variable that shows that Terraform started the program. Not a secret: its value is the same
/// for every provider.
const COOKIE: (&str, &str) = (
    "TF_PLUGIN_MAGIC_COOKIE",
    "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
);

/// The settings that the client requests.
#[derive(Debug)]
pub(super) struct Handshake {
    /// The certificate whose key every connection must hold; `None` if the client has disabled TLS.
    pub(super) client_certificate: Option<CertificateDer<'static>>,
    /// The location of the socket.
    pub(super) place: Place,
    /// Whether the client understands the field about gRPC broker multiplexing.
    multiplexing: bool,
}

/// The reason why the program does not serve a client.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum Error {
    #[error("not started by Terraform")]
    NotAPlugin,
    #[error(
        "the client supports the plugin protocol {offered}, but this provider requires {PROTOCOL}: use Terraform 1.0 or later"
    )]
    Version { offered: String },
    #[error("PLUGIN_CLIENT_CERT: {0}")]
    ClientCertificate(tls::NotACertificate),
    #[error("{name}: {value:?} is not such a number")]
    Number { name: &'static str, value: String },
}

impl Handshake {
    /// Reads the handshake; `variable` looks up an environment variable. As in go-plugin, empty
    /// counts as unset.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());

        if variable(COOKIE.0).as_deref() != Some(COOKIE.1) {
            return Err(Error::NotAPlugin);
        }
        let offered = variable("PLUGIN_PROTOCOL_VERSIONS").unwrap_or_default();
        if !offered.split(',').any(|version| version.trim().parse() == Ok(PROTOCOL)) {
            let offered = if offered.is_empty() {
                "in no version".to_owned()
            } else {
                format!("{offered:?}")
            };
            return Err(Error::Version { offered });
        }
        // An invalid certificate must be an error: it must not disable TLS.
        let client_certificate = variable("PLUGIN_CLIENT_CERT")
            .map(|pem| tls::certificate_from_pem(&pem).map_err(Error::ClientCertificate))
            .transpose()?;

        let min_port = number("PLUGIN_MIN_PORT", variable)?.unwrap_or(0);
        let max_port = number("PLUGIN_MAX_PORT", variable)?.unwrap_or(0);
        Ok(Self {
            client_certificate,
            place: Place {
                directory: variable("PLUGIN_UNIX_SOCKET_DIR").map(Into::into),
                group: number("PLUGIN_UNIX_SOCKET_GROUP", variable)?,
                ports: min_port..=max_port,
            },
            multiplexing: variable("PLUGIN_MULTIPLEX_GRPC").is_some(),
        })
    }

    /// Returns the handshake line, with the address of the socket and the server's certificate.
    pub(super) fn line(&self, address: &Address, certificate: Option<&CertificateDer<'_>>) -> String {
        let network = address.network();
        let certificate = certificate.map(|der| STANDARD_NO_PAD.encode(der)).unwrap_or_default();
        // A client without this feature would take a seventh field as part of the sixth.
        let multiplexing = if self.multiplexing { "|false" } else { "" };
        format!("{CORE_PROTOCOL}|{PROTOCOL}|{network}|{address}|grpc|{certificate}{multiplexing}\n")
    }
}

fn number<T: FromStr>(name: &'static str, variable: impl Fn(&str) -> Option<String>) -> Result<Option<T>, Error> {
    variable(name)
        .map(|value| value.parse().map_err(|_| Error::Number { name, value }))
        .transpose()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::path::{Path, PathBuf};

    use super::*;

    /// Reads the handshake of a client that sets `variables` in addition to the cookie and the
    /// version.
    fn read(variables: &[(&str, &str)]) -> Result<Handshake, Error> {
        let standard = [COOKIE, ("PLUGIN_PROTOCOL_VERSIONS", "5,6")];
        let set = variables.iter().chain(&standard);
        Handshake::read(|name| {
            set.clone()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn read_without_exact_cookie_is_not_a_plugin() {
        assert!(read(&[]).is_ok());
        for cookie in [
            "",
            "d602",
            "D602BF8F470BC67CA7FAA0386276BBDD4330EFAF76D1A219CB4D6991CA9872B2",
        ] {
            assert_eq!(
                read(&[(COOKIE.0, cookie)]).unwrap_err(),
                Error::NotAPlugin,
                "{cookie:?}"
            );
        }
    }

    #[test]
    fn read_finds_version_6_anywhere_in_list() {
        for offered in ["6", "5,6", "6,5", "4, 6 ,5", "x,6"] {
            assert!(read(&[("PLUGIN_PROTOCOL_VERSIONS", offered)]).is_ok(), "{offered:?}");
        }
    }

    #[test]
    fn read_without_version_6_names_offered_and_needed_versions() {
        for (offered, shown) in [
            ("", "in no version"),
            ("5", "\"5\""),
            ("4,5", "\"4,5\""),
            ("66,16", "\"66,16\""),
        ] {
            let error = read(&[("PLUGIN_PROTOCOL_VERSIONS", offered)]).unwrap_err().to_string();
            assert!(error.contains(shown) && error.contains("requires 6"), "{error}");
        }
    }

    #[test]
    fn read_of_invalid_certificate_fails() {
        for pem in [
            "x",
            " ",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            let error = read(&[("PLUGIN_CLIENT_CERT", pem)]).unwrap_err();
            assert!(matches!(error, Error::ClientCertificate(_)), "{pem:?}: {error}");
        }
        assert_eq!(read(&[("PLUGIN_CLIENT_CERT", "")]).unwrap().client_certificate, None);
    }

    #[test]
    fn read_uses_socket_location_of_client() {
        let place = read(&[
            ("PLUGIN_UNIX_SOCKET_DIR", "/somewhere"),
            ("PLUGIN_UNIX_SOCKET_GROUP", "1000"),
            ("PLUGIN_MIN_PORT", "10000"),
            ("PLUGIN_MAX_PORT", "25000"),
        ])
        .unwrap()
        .place;
        assert_eq!(place.directory.as_deref(), Some(Path::new("/somewhere")));
        assert_eq!(place.group, Some(1000));
        assert_eq!(place.ports, 10000..=25000);
    }

    #[test]
    fn read_of_invalid_number_names_variable() {
        let cases = [
            ("PLUGIN_MIN_PORT", "x"),
            ("PLUGIN_MAX_PORT", "65536"),
            ("PLUGIN_UNIX_SOCKET_GROUP", "staff"),
        ];
        for (name, value) in cases {
            let error = read(&[(name, value)]).unwrap_err();
            assert_eq!(
                error,
                Error::Number {
                    name,
                    value: value.to_owned()
                }
            );
        }
    }

    #[test]
    fn line_has_seventh_field_only_for_multiplexing_client() {
        let unix = Address::Unix(PathBuf::from("/tmp/s"));
        let tcp = Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 10000)));
        // Base64 would pad one byte with "==".
        let certificate = CertificateDer::from(vec![255]);

        let handshake = read(&[]).unwrap();
        assert_eq!(handshake.line(&unix, None), "1|6|unix|/tmp/s|grpc|\n");
        assert_eq!(
            handshake.line(&tcp, Some(&certificate)),
            "1|6|tcp|127.0.0.1:10000|grpc|/w\n"
        );

        let handshake = read(&[("PLUGIN_MULTIPLEX_GRPC", "true")]).unwrap();
        assert_eq!(
            handshake.line(&unix, Some(&certificate)),
            "1|6|unix|/tmp/s|grpc|/w|false\n"
        );
    }
}
