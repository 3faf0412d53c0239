//! Owns TLS from files: certificate and key, read anew when they change; where the new ones are broken, the old ones stay.
//! Must not know what travels over it.

use crate::sync::lock;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_rustls::TlsAcceptor;

/// Between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Why there is no TLS by these files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("The {what} {} could not be read: {source}. Check its path and that this user may read it.", path.display())]
    Unread {
        /// Which file.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file holds something else.
    #[error("The {what} {} cannot be used: {why}. It has to be a PEM file.", path.display())]
    Unusable {
        /// Which file.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why, as the end of a sentence.
        why: String,
    },
    /// They are not a pair.
    #[error("The TLS certificate {} and the key {} cannot be used together: {why}.", cert.display(), key.display())]
    Pair {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why.
        why: String,
    },
}

/// TLS by a pair of files. Clones share what was read last.
#[derive(Clone, Debug)]
pub struct Tls {
    cert: Arc<Path>,
    key: Arc<Path>,
    current: Arc<Mutex<Arc<ServerConfig>>>,
    /// What the files held when they were looked at last, usable or not.
    seen: Arc<Mutex<[u8; 32]>>,
}

impl Tls {
    /// Reads the files: a certificate with what leads to its issuer, and its private key.
    ///
    /// # Errors
    /// A sentence where they cannot be used.
    pub fn open(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let files = Files::read(cert, key)?;
        let config = files.config(cert, key)?;
        let (current, seen) = (Arc::new(Mutex::new(Arc::new(config))), Arc::new(Mutex::new(files.hash())));
        Ok(Self { cert: cert.into(), key: key.into(), current, seen })
    }

    /// What speaks TLS as of now.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&lock(&self.current)).into()
    }

    /// Reads the files anew whenever they change, for as long as it is not dropped.
    pub(super) async fn follow(&self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let of = self.clone();
            if let Err(error) = tokio::task::spawn_blocking(move || of.look()).await {
                tracing::error!(%error, "looking at the TLS files failed");
            }
        }
    }

    /// Looks whether the files have changed. Blocks on the disk.
    fn look(&self) {
        let files = match Files::read(&self.cert, &self.key) {
            Ok(files) => files,
            // A file may be gone for the moment in which another takes its place: told where it stays so.
            Err(error) => {
                if std::mem::take(&mut *lock(&self.seen)) != [0; 32] {
                    tracing::warn!("{error} The certificate that was read before stays in use.");
                }
                return;
            }
        };
        let hash = files.hash();
        if std::mem::replace(&mut *lock(&self.seen), hash) == hash {
            return;
        }
        match files.config(&self.cert, &self.key) {
            Ok(config) => {
                *lock(&self.current) = Arc::new(config);
                tracing::warn!("The TLS certificate {} was read anew and is used from now on.", self.cert.display());
            }
            Err(error) => tracing::warn!("{error} The certificate that was read before stays in use."),
        }
    }
}

/// What the files hold.
struct Files {
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    fn read(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let read = |what, path: &Path| {
            std::fs::read(path).map_err(|source| TlsError::Unread { what, path: path.to_owned(), source })
        };
        Ok(Self { cert: read("TLS certificate", cert)?, key: read("TLS key", key)? })
    }

    fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update((self.cert.len() as u64).to_le_bytes());
        hash.update(&self.cert);
        hash.update(&self.key);
        hash.finalize().into()
    }

    fn config(&self, cert: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
        let unusable = |what, path: &Path, why: String| TlsError::Unusable { what, path: path.to_owned(), why };
        let chain = CertificateDer::pem_slice_iter(&self.cert).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| unusable("TLS certificate", cert, error.to_string()))?;
        if chain.is_empty() {
            return Err(unusable("TLS certificate", cert, "it holds no certificate".to_owned()));
        }
        // The error does not repeat what the file holds.
        let private = PrivateKeyDer::from_pem_slice(&self.key);
        let private = private.map_err(|error| unusable("TLS key", key, error.to_string()))?;
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, private);
        let mut config = config.map_err(|error| TlsError::Pair {
            cert: cert.to_owned(),
            key: key.to_owned(),
            why: error.to_string(),
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}
