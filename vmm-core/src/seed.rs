//! The NoCloud seed: what cloud-init in a new machine is told.

use std::fmt;

use hadris_fs::{Content, Node, Tree};
use hadris_iso::{IsoId, IsoOptions};
use hadris_storage::{BlockSize, MemDevice};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::model::{HostKey, Hostname, LoginName};
use crate::secrets::HostKeyPair;

/// The only command that the readiness key opens a machine for. cloud-init is a program that takes its time to start,
/// so on a slow machine asking it would hold up the boot that is asked about; it writes this file when all is done.
pub(crate) const READINESS_COMMAND: &str =
    "test -e /run/cloud-init/result.json || { echo status: running; exit; }; cloud-init status --long";

/// By this label cloud-init finds the volume.
const LABEL: &str = "cidata";
/// Of a CD, in bytes.
const SECTOR: u32 = 2048;

/// The settings that a machine gets at its first boot. `Debug` shows no secret.
pub(crate) struct Seed<'a> {
    /// The domain's id; cloud-init does its work once for each.
    pub(crate) instance_id: Uuid,
    /// The name that the machine gives itself.
    pub(crate) hostname: &'a Hostname,
    /// The user that is made.
    pub(crate) login: &'a LoginName,
    /// That user's password as sha512-crypt.
    pub(crate) password_crypt: &'a SecretString,
    /// The key that the machine proves itself with.
    pub(crate) host_key: &'a HostKeyPair,
    /// The key that may run [`READINESS_COMMAND`] and nothing else.
    pub(crate) readiness_key: &'a HostKey,
}

impl Seed<'_> {
    /// An ISO 9660 image with `user-data` and `meta-data`. The same seed gives the same bytes.
    pub(crate) fn image(&self) -> Result<Zeroizing<Vec<u8>>> {
        let failed = |error| Error::internal("making a cloud-init seed", error);
        let mut tree = Tree::new();
        for (name, text) in [("meta-data", self.meta_data()), ("user-data", self.user_data())] {
            tree.insert(name, Node::file(Content::bytes(text.as_bytes()))).map_err(failed)?;
        }
        // Without a time of its own the image is dated 1980, so that it does not depend on when it was made.
        let options = IsoOptions::default().with_id(IsoId::Volume, LABEL).with_joliet().with_rock_ridge();
        let size = hadris_iso::plan(&tree, &options).map_err(failed)?.size();
        let size = usize::try_from(size).map_err(|error| Error::internal("making a cloud-init seed", error))?;
        let mut image = Zeroizing::new(vec![0; size]);
        let sectors = BlockSize::new(SECTOR).ok_or(Error::Unsupported("a sector of 2048 bytes"))?;
        hadris_iso::sync::write(MemDevice::new(image.as_mut_slice(), sectors), &tree, &options).map_err(failed)?;
        Ok(image)
    }

    fn meta_data(&self) -> Zeroizing<String> {
        let data = json!({ "instance-id": self.instance_id.to_string(), "local-hostname": self.hostname.as_str() });
        Zeroizing::new(format!("{data}\n"))
    }

    /// JSON, which is YAML that no reader mistakes: in YAML 1.1 a bare `no` is a boolean and `12:30` a number.
    fn user_data(&self) -> Zeroizing<String> {
        let fqdn = self.hostname.as_str();
        let readiness = format!("command=\"{READINESS_COMMAND}\",restrict {} vmm-readiness", self.readiness_key);
        let data = json!({
            "hostname": fqdn.split('.').next().unwrap_or(fqdn),
            "fqdn": fqdn,
            "preserve_hostname": false,
            "manage_etc_hosts": true,
            "ssh_deletekeys": true,
            "ssh_keys": {
                "ed25519_private": self.host_key.private_openssh_pem.expose_secret(),
                "ed25519_public": self.host_key.public.to_string(),
            },
            "ssh_pwauth": true,
            "disable_root": true,
            "users": [{
                "name": self.login.as_str(),
                "gecos": "vmm",
                "shell": "/bin/bash",
                "lock_passwd": false,
                "hashed_passwd": self.password_crypt.expose_secret(),
                "sudo": "ALL=(ALL) NOPASSWD:ALL",
                "groups": "sudo",
                "ssh_authorized_keys": [readiness],
            }],
        });
        Zeroizing::new(format!("#cloud-config\n{data}\n"))
    }
}

impl fmt::Debug for Seed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seed")
            .field("instance_id", &self.instance_id)
            .field("hostname", self.hostname)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;
    use crate::model::DeskId;
    use crate::secrets::{MasterKey, Secrets};

    const VM: Uuid = Uuid::from_u128(7);

    fn with_seed<T>(hostname: &str, look: impl FnOnce(&Seed<'_>) -> T) -> T {
        let secrets = Secrets::new(&MasterKey::from_bytes([1; 32]), &[1; 32], DeskId(Uuid::from_u128(2)));
        look(&Seed {
            instance_id: VM,
            hostname: &Hostname::new(hostname).expect("a host name"),
            login: &LoginName::new("debian").expect("a user name"),
            password_crypt: &secrets.password_crypt(VM).expect("a hash"),
            host_key: &secrets.host_key(VM).expect("a key"),
            readiness_key: &secrets.readiness_key(VM).expect("a key").public,
        })
    }

    fn image(hostname: &str) -> Vec<u8> {
        with_seed(hostname, |seed| seed.image().expect("an image").to_vec())
    }

    /// Returns the output of a program that reads ISO 9660 images.
    fn ask(program: &str, arguments: &[&str], image: &Path) -> String {
        let output = Command::new(program).args(arguments).arg(image).output();
        let output = output.unwrap_or_else(|error| panic!("this test asks the program `{program}`: {error}"));
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        assert!(image("web-1") == image("web-1"));
        assert!(image("web-1") != image("web-2"));
        assert!(image("web-1").len() < 1 << 20);
    }

    #[test]
    fn others_find_label_and_files_in_it() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), image("web-1.example.org")).expect("room for the image");
        let label = ask("blkid", &["-o", "value", "-s", "LABEL"], file.path());
        assert_eq!(
            (label.trim(), ask("blkid", &["-o", "value", "-s", "TYPE"], file.path()).trim()),
            ("cidata", "iso9660")
        );
        for names in ["-R", "-J"] {
            let data = ask("isoinfo", &[names, "-x", "/user-data", "-i"], file.path());
            assert_eq!(data, with_seed("web-1.example.org", |seed| seed.user_data().to_string()));
            let data = ask("isoinfo", &[names, "-x", "/meta-data", "-i"], file.path());
            assert!(data.contains(r#""instance-id":"00000000-0000-0000-0000-000000000007""#), "{data}");
        }
    }

    #[test]
    fn user_data_is_cloud_config_that_names_host_user_and_keys() {
        let text = with_seed("web-1.example.org", |seed| seed.user_data().to_string());
        let json = text.strip_prefix("#cloud-config\n").expect("the line that cloud-init looks for");
        let data: serde_json::Value = serde_json::from_str(json).expect("JSON");
        assert_eq!((&data["hostname"], &data["fqdn"]), (&json!("web-1"), &json!("web-1.example.org")));
        let user = &data["users"][0];
        assert_eq!(user["name"], "debian");
        assert!(user["hashed_passwd"].as_str().is_some_and(|hash| hash.starts_with("$6$")));
        let key = user["ssh_authorized_keys"][0].as_str().expect("a line");
        assert!(key.starts_with("command=\"test -e ") && key.contains("\",restrict ssh-ed25519 AAAA"), "{key}");
        let private = data["ssh_keys"]["ed25519_private"].as_str().expect("a key");
        assert!(private.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n") && private.ends_with('\n'));
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = with_seed("web-1", |seed| format!("{seed:?}"));
        assert!(!shown.contains("$6$") && !shown.contains("PRIVATE"), "{shown}");
    }
}
