//! The listening socket: a Unix socket that only its user can reach, or a port of the loopback
//! interface where the operating system has no Unix sockets.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use tempfile::TempDir;

/// The location of the socket that the client requests.
#[derive(Debug, PartialEq)]
pub(super) struct Place {
    /// The directory of a Unix socket; `None` for the directory for temporary files.
    pub(super) directory: Option<PathBuf>,
    /// The id of a group whose members may connect, too.
    pub(super) group: Option<u32>,
    /// The ports to try where Unix sockets do not exist; 0 is any port.
    pub(super) ports: RangeInclusive<u16>,
}

/// The address that a client connects to.
#[derive(Debug, PartialEq)]
pub(super) enum Address {
    Unix(PathBuf),
    #[cfg_attr(unix, allow(dead_code, reason = "only used where there are no Unix sockets"))]
    Tcp(SocketAddr),
}

/// A listening socket. Dropping it removes a Unix socket.
pub(super) struct Socket<I> {
    /// The stream of incoming connections.
    pub(super) incoming: I,
    pub(super) address: Address,
    _directory: Option<TempDir>,
}

/// The reason there is no socket.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("cannot open a socket in {place}: {source}")]
    Open { place: String, source: io::Error },
    #[error(
        "refusing to serve on {0} without TLS, because processes of every user of this machine can connect to it. Unset \
         TF_DISABLE_PLUGIN_TLS; run --debug on Linux, macOS or in WSL, where a Unix socket admits only its user"
    )]
    OpenToAllUsers(SocketAddr),
}

/// Opens the kind of socket that go-plugin's clients expect on this operating system.
pub(super) fn open(place: &Place) -> Result<Socket<Incoming>, Error> {
    native::bind(place).map_err(|source| Error::Open {
        place: place.to_string(),
        source,
    })
}

pub(super) use native::Incoming;

#[cfg(not(unix))]
use tcp as native;
#[cfg(unix)]
use unix as native;

#[cfg(unix)]
mod unix {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::{PermissionsExt, chown};

    use tokio::net::UnixListener;
    use tokio_stream::wrappers::UnixListenerStream;

    use super::*;

    pub(in super::super) type Incoming = UnixListenerStream;

    /// Opens a socket in a new directory. The permissions of the directory protect the socket from
    /// the start; the socket's own can only be set after it exists.
    pub(super) fn bind(place: &Place) -> io::Result<Socket<Incoming>> {
        let directory = tempfile::Builder::new()
            .prefix("plugin-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(place.directory())?;
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path)?;
        match place.group {
            None => set_permissions(&path, Permissions::from_mode(0o600))?,
            Some(group) => {
                chown(&path, None, Some(group))?;
                set_permissions(&path, Permissions::from_mode(0o660))?;
                chown(directory.path(), None, Some(group))?;
                set_permissions(directory.path(), Permissions::from_mode(0o710))?;
            }
        }
        Ok(Socket {
            incoming: UnixListenerStream::new(listener),
            address: Address::Unix(path),
            _directory: Some(directory),
        })
    }
}

#[cfg(any(not(unix), test))]
mod tcp {
    use std::net::{Ipv4Addr, TcpListener};

    use futures_util::StreamExt;
    use futures_util::stream::Map;
    use tokio::net::TcpStream;
    use tokio_stream::wrappers::TcpListenerStream;

    use super::*;

    pub(in super::super) type Incoming = Map<TcpListenerStream, fn(io::Result<TcpStream>) -> io::Result<TcpStream>>;

    /// Listens on the first free port of the requested range.
    pub(super) fn bind(place: &Place) -> io::Result<Socket<Incoming>> {
        let addresses: Vec<SocketAddr> = place
            .ports
            .clone()
            .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .collect();
        let listener = TcpListener::bind(&*addresses)?;
        listener.set_nonblocking(true)?;
        let address = Address::Tcp(listener.local_addr()?);
        let listener = tokio::net::TcpListener::from_std(listener)?;
        Ok(Socket {
            incoming: TcpListenerStream::new(listener).map(without_delay),
            address,
            _directory: None,
        })
    }

    /// Disables Nagle's algorithm, so that a response is sent without waiting for an
    /// acknowledgement.
    fn without_delay(connection: io::Result<TcpStream>) -> io::Result<TcpStream> {
        let connection = connection?;
        connection.set_nodelay(true)?;
        Ok(connection)
    }
}

impl<I> Socket<I> {
    /// Returns the socket if the operating system admits only its user (and the requested group):
    /// without TLS, nothing else keeps others from using the provider.
    pub(super) fn restricted_to_user(self) -> Result<Self, Error> {
        match self.address {
            Address::Unix(_) => Ok(self),
            Address::Tcp(address) => Err(Error::OpenToAllUsers(address)),
        }
    }
}

impl Default for Place {
    fn default() -> Self {
        Self {
            directory: None,
            group: None,
            ports: 0..=0,
        }
    }
}

impl Place {
    fn directory(&self) -> PathBuf {
        self.directory.clone().unwrap_or_else(std::env::temp_dir)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if cfg!(unix) {
            self.directory().display().fmt(f)
        } else {
            write!(f, "ports {} to {} of 127.0.0.1", self.ports.start(), self.ports.end())
        }
    }
}

impl Address {
    /// The network's name in go-plugin.
    pub(super) fn network(&self) -> &'static str {
        match self {
            Self::Unix(_) => "unix",
            Self::Tcp(_) => "tcp",
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => path.display().fmt(f),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio_stream::StreamExt;

    use super::*;

    #[tokio::test]
    async fn tcp_socket_takes_first_free_port() {
        let taken = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let first = taken.local_addr().unwrap().port();
        let place = Place {
            ports: first..=first.saturating_add(50),
            ..Place::default()
        };
        let Socket {
            mut incoming,
            address: Address::Tcp(address),
            ..
        } = tcp::bind(&place).unwrap()
        else {
            panic!("not a port");
        };
        assert!(address.ip().is_loopback());
        assert!(
            address.port() > first && place.ports.contains(&address.port()),
            "{address}"
        );

        let _client = tokio::net::TcpStream::connect(address).await.unwrap();
        assert!(incoming.next().await.unwrap().unwrap().nodelay().unwrap());
    }

    #[tokio::test]
    async fn only_unix_socket_is_restricted_to_user() {
        let port = tcp::bind(&Place::default()).unwrap().restricted_to_user();
        let Err(Error::OpenToAllUsers(address)) = port else {
            panic!("a port is reachable for every user");
        };
        assert!(address.ip().is_loopback());
        assert_eq!(
            open(&Place::default()).unwrap().restricted_to_user().is_ok(),
            cfg!(unix)
        );
    }

    #[test]
    fn empty_port_range_is_an_error() {
        #[expect(clippy::reversed_empty_ranges, reason = "a client could request it")]
        let place = Place {
            ports: 2..=1,
            ..Place::default()
        };
        assert!(tcp::bind(&place).is_err());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn socket_is_accessible_to_requested_group() {
        use std::os::unix::fs::MetadataExt;

        let temporary = tempfile::tempdir().unwrap();
        let group = temporary.path().metadata().unwrap().gid();
        let place = Place {
            directory: Some(temporary.path().to_owned()),
            group: Some(group),
            ..Place::default()
        };
        let socket = unix::bind(&place).unwrap();
        let Address::Unix(path) = &socket.address else {
            panic!("not a path")
        };
        let mode = |path: &std::path::Path| path.metadata().unwrap().mode() & 0o777;
        assert_eq!((mode(path), mode(path.parent().unwrap())), (0o660, 0o710));
        assert_eq!(path.metadata().unwrap().gid(), group);

        drop(socket);
        assert_eq!(
            temporary.path().read_dir().unwrap().count(),
            0,
            "the socket and its directory are removed"
        );
    }
}
