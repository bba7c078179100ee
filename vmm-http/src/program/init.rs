//! `vmm-http init`: makes the database, the master key, the file area and the first admin. What is there stays as it
//! is.

use std::fs::DirBuilder;
use std::io::BufRead;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::ExitCode;

use vmm_core::model::{Role, UserFilter, UserName};
use vmm_core::{Actor, ExposeSecret, SecretString, UserDraft, Vmm};

use super::config::Config;
use super::{Failed, say};

/// Letters and digits that are not taken for one another.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// 24 of 32 characters: 120 random bits.
const PASSWORD_LENGTH: usize = 24;

/// Makes what is missing, and says of each part whether it was there.
pub(crate) async fn run(config: &Config, name: UserName, password_stdin: bool) -> Result<ExitCode, Failed> {
    let files = [
        ("database", &config.desk.database),
        ("master key", &config.desk.master_key),
        ("file area", &config.desk.files),
    ];
    let there = files.map(|(_, path)| path.exists());
    for (_, path) in files {
        make_directory(path)?;
    }
    let vmm = Vmm::open(&config.desk).await?;
    for ((part, path), there) in files.into_iter().zip(there) {
        say(&format!("{} {part} {}", if there { "exists" } else { "made  " }, path.display()))?;
    }
    let users = vmm.users(&Actor::System, &UserFilter::default()).await?;
    if let Some(admin) = users.iter().find(|user| user.role == Role::Admin) {
        say(&format!("exists admin {}; nothing was changed", admin.name))?;
        return Ok(ExitCode::SUCCESS);
    }
    let password = if password_stdin { read_password()? } else { new_password()? };
    let draft = UserDraft { name: name.clone(), password: password.clone(), chat_id: None, role: Role::Admin };
    vmm.create_user(&Actor::System, draft).await?;
    say(&format!("made   admin {name}"))?;
    if !password_stdin {
        say(&format!("password {}\nIt is not shown again.", password.expose_secret()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the directory of a file, for its owner only.
fn make_directory(file: &Path) -> Result<(), Failed> {
    match file.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|error| format!("{} cannot be made: {error}", directory.display()).into()),
        _ => Ok(()),
    }
}

fn read_password() -> Result<SecretString, Failed> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let password: SecretString = line.trim_end_matches(['\n', '\r']).to_owned().into();
    if password.expose_secret().is_empty() {
        return Err("standard input has no password in its first line".into());
    }
    Ok(password)
}

fn new_password() -> Result<SecretString, Failed> {
    let mut bytes = [0; PASSWORD_LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| format!("the system gives no random bytes: {error}"))?;
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect::<String>().into())
}
