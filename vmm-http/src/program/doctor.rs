//! `vmm-http doctor`: tries everything that vmm needs, and says what to do about what is missing.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tokio::net::TcpListener;
use vmm_core::host::Host;
use vmm_core::model::{AuditVerdict, OsFilter, Role, UserFilter};
use vmm_core::{Actor, Vmm};

use super::config::Config;
use super::{Failed, say};

/// Less free space in the pool than this is worth a warning, in bytes.
const LITTLE_SPACE: u64 = 10 << 30;

/// Fewer free addresses of the network than this are worth a warning.
const FEW_ADDRESSES: u32 = 5;

/// The finding about one thing.
enum Finding {
    Ok(String),
    /// It works, and could be better.
    Warning(String),
    /// It does not work.
    Problem(String),
}

use Finding::{Ok as Fine, Problem, Warning};

struct Report {
    healthy: bool,
    /// The one thing to do first.
    next: Option<String>,
}

impl Report {
    fn tell(&mut self, subject: &str, finding: Finding) -> Result<(), Failed> {
        let (word, text) = match finding {
            Fine(text) => ("ok     ", text),
            Warning(text) => ("warning", text),
            Problem(text) => {
                self.healthy = false;
                ("problem", text)
            }
        };
        Ok(say(&format!("{word} {subject}: {text}"))?)
    }

    /// Tells of a problem, and what to do about it if nothing else comes first.
    fn then(&mut self, subject: &str, finding: Finding, next: &str) -> Result<(), Failed> {
        if matches!(finding, Problem(_)) {
            self.next.get_or_insert_with(|| next.to_owned());
        }
        self.tell(subject, finding)
    }

    /// Ends with one thing to do.
    fn end(self) -> Result<ExitCode, Failed> {
        if self.healthy {
            return Ok(ExitCode::SUCCESS);
        }
        let next = self.next.unwrap_or_else(|| "solve the problems above, then run vmm-http doctor".to_owned());
        say(&format!("next    {next}"))?;
        Ok(ExitCode::FAILURE)
    }
}

/// Tries everything that can be tried. The exit code is 1 if there is a problem, and the last line says what to do
/// next.
pub(crate) async fn run(config: &Config) -> Result<ExitCode, Failed> {
    let mut report = Report { healthy: true, next: None };
    for part in Vmm::MISSING {
        let finding = Problem(format!("was built without {part}; build it with its default features"));
        report.then(
            "program",
            finding,
            "build vmm-http with its default features: cargo build --release -p vmm-http",
        )?;
    }
    report.tell("listen", port(config).await)?;
    // What is not there yet is made by init, and is nothing to mend before.
    let set_up = config.desk.database.exists();
    let init = if set_up { "repair the files above, then run vmm-http doctor" } else { "vmm-http init" };
    let (database, key, files) =
        (file(&config.desk.database), file(&config.desk.master_key), file_area(&config.desk.files));
    let made = matches!((&database, &key, &files), (Fine(_), Fine(_), Fine(_)));
    report.then("database", database, init)?;
    report.then("master key", key, init)?;
    report.then("file area", files, init)?;
    report.tell("image directory", image_directories(&config.desk.settings.image_dirs))?;
    let opened = if made { Some(Vmm::open(&config.desk).await) } else { None };
    match opened {
        Some(Ok(vmm)) => {
            report.then("admin", admin(&vmm).await, "vmm-http init")?;
            report.then("audit log", audit(&vmm).await, "vmm-http verify-audit")?;
            host(vmm.host(&Actor::System).await, config, &mut report)?;
            report.tell("catalog", catalog(&vmm).await)?;
            images(&vmm, &mut report).await?;
        }
        Some(Err(error)) => {
            report.then(
                "desk",
                Problem(error.to_string()),
                "repair the desk as written above, then run vmm-http doctor",
            )?;
            host(Vmm::look_at_host(&config.desk).await, config, &mut report)?;
        }
        None => host(Vmm::look_at_host(&config.desk).await, config, &mut report)?,
    }
    report.end()
}

/// Returns whether a file is there and it and its directory can be written. Doctor makes none.
fn file(path: &Path) -> Finding {
    let shown = path.display();
    if let Err(error) = std::fs::OpenOptions::new().append(true).open(path) {
        return match error.kind() {
            ErrorKind::NotFound => Problem(format!("{shown} is not there; run vmm-http init")),
            _ => Problem(format!("{shown} cannot be written: {error}; run as the user that owns it")),
        };
    }
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match try_writing(directory) {
        Ok(()) => Fine(format!("{shown} can be written")),
        Err(error) => Problem(format!("{} cannot be written: {error}; SQLite keeps files there", directory.display())),
    }
}

/// Returns whether the directory of users' files is there and can be written. Doctor makes none.
fn file_area(path: &Path) -> Finding {
    let shown = path.display();
    match try_writing(path) {
        Ok(()) => Fine(format!("{shown} can be written")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Problem(format!("{shown} is not there; run vmm-http init"))
        }
        Err(error) => Problem(format!("{shown} cannot be written: {error}; run as the user that owns it")),
    }
}

/// Returns whether there is a directory to put images into.
fn image_directories(directories: &[PathBuf]) -> Finding {
    let shown = directories.iter().map(|directory| directory.display().to_string()).collect::<Vec<_>>().join(", ");
    if directories.iter().any(|directory| directory.is_dir()) {
        Fine(format!("images are imported from {shown}, and from uploaded files"))
    } else {
        Warning(format!("{shown} is not there; make it and put cloud images in it, or upload them"))
    }
}

fn try_writing(directory: &Path) -> std::io::Result<()> {
    let probe = directory.join(format!(".vmm-doctor-{}", std::process::id()));
    std::fs::File::create_new(&probe).and_then(|_| std::fs::remove_file(&probe))
}

async fn port(config: &Config) -> Finding {
    let address = config.listen;
    match TcpListener::bind(address).await {
        Ok(_) => Fine(format!("{address} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            Warning(format!("{address} is in use: right if vmm-http serves already, otherwise set another listen"))
        }
        Err(error) => Problem(format!("{address} cannot be listened on: {error}; set another listen")),
    }
}

/// Tells what was found of the host, its pool, its network and its acceleration.
fn host(host: vmm_core::Result<Host>, config: &Config, report: &mut Report) -> Result<(), Failed> {
    let host = match host {
        Ok(host) => host,
        Err(error) => {
            let Config { desk, .. } = config;
            let advice = format!(
                "check that libvirtd runs, that this user may reach {}, and that pool {} and network {} exist and are \
                 active (virsh pool-start, virsh net-start)",
                desk.libvirt_uri, desk.pool, desk.network
            );
            let next = format!("virsh -c '{}' pool-info {}", desk.libvirt_uri, desk.pool);
            return report.then("hypervisor", Problem(format!("{error}; {advice}")), &next);
        }
    };
    report.tell("hypervisor", Fine(format!("{} on {}", host.hypervisor, host.name)))?;
    report.tell("pool", pool(&host, config))?;
    report.tell("network", network(&host, config))?;
    report.tell("kvm", acceleration(&host))
}

async fn admin(vmm: &Vmm) -> Finding {
    match vmm.users(&Actor::System, &UserFilter::default()).await {
        Ok(users) => match users.iter().find(|user| user.role == Role::Admin) {
            Some(admin) => Fine(format!("{} can sign in", admin.name)),
            None => Problem("there is none; run vmm-http init".to_owned()),
        },
        Err(error) => Problem(format!("the database does not answer: {error}")),
    }
}

async fn audit(vmm: &Vmm) -> Finding {
    match vmm.verify_audit(&Actor::System).await {
        Ok(AuditVerdict { fits, first_wrong: None }) => Fine(format!("its {} rows fit", fits.rows)),
        Ok(AuditVerdict { first_wrong: Some(row), .. }) => {
            Problem(format!("row {row} is the first that was tampered with"))
        }
        Err(error) => Problem(format!("it cannot be verified: {error}")),
    }
}

fn pool(host: &Host, config: &Config) -> Finding {
    let (name, free) = (&config.desk.pool, host.pool_available);
    let text = format!("{name} has {} GiB free", free >> 30);
    if free < LITTLE_SPACE { Warning(format!("{text}; images and disks need more soon")) } else { Fine(text) }
}

fn network(host: &Host, config: &Config) -> Finding {
    let name = &config.desk.network;
    let Some(subnet) = host.subnet else {
        return Warning(format!(
            "{name} hands out no IPv4 addresses: machines find one only if another DHCP server does, and no request \
             can fix an address"
        ));
    };
    let text = format!("{name} hands out addresses of {}/{}", subnet.gateway, subnet.prefix);
    match host.address_pool.as_ref().map(|pool| (pool.free(), pool.size())) {
        Some((0, size)) => Problem(format!(
            "{text}, and none of its {size} is free: no machine without a fixed address can be made; remove machines, or \
             widen its range (virsh net-edit {name})"
        )),
        Some((free, size)) if free < FEW_ADDRESSES => {
            Warning(format!("{text}, of which {free} of {size} are free; widen its range soon (virsh net-edit {name})"))
        }
        Some((free, size)) => Fine(format!("{text}, of which {free} of {size} are free")),
        None => Fine(text),
    }
}

fn acceleration(host: &Host) -> Finding {
    if host.accelerated {
        Fine("guests run on hardware virtualisation".to_owned())
    } else {
        Warning(
            "guests are emulated, which is slow: see that /dev/kvm works here, and virt_type is auto or kvm".to_owned(),
        )
    }
}

/// One line for each imported image.
async fn images(vmm: &Vmm, report: &mut Report) -> Result<(), Failed> {
    let Ok(oses) = vmm.oses(&Actor::System, &OsFilter::default()).await else { return Ok(()) };
    for os in oses.iter() {
        let Some(image) = &os.image else { continue };
        let finding = match &os.problem {
            Some(problem) => Problem(format!("{problem}: POST /db/os/import?id={}", os.id)),
            None => Fine(format!("volume {} is as it was imported, by its size, format and last change", image.volume)),
        };
        report.tell(&format!("image {}:{}", os.name, os.version), finding)?;
    }
    Ok(())
}

async fn catalog(vmm: &Vmm) -> Finding {
    match vmm.oses(&Actor::System, &OsFilter::default()).await {
        Ok(oses) => match oses.iter().filter(|os| os.image.is_some()).count() {
            0 => Warning("no image is imported; an admin adds one with POST /db/os".to_owned()),
            count => Fine(format!("machines can be made from {count} of {} entries", oses.len())),
        },
        Err(error) => Problem(format!("the database does not answer: {error}")),
    }
}
