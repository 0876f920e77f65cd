//! Who works on what, in a folder that machines share: a claim holds host, process and heartbeat. A dead process's claim is taken
//! over at once, another host's after ten minutes without a beat; ages are read from the folder's own clock, not from two hosts'.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{Error, files};

/// How old the last beat of another host's claim must be.
const SILENCE: Duration = Duration::from_secs(600);
/// How often a claim beats.
const BEAT: Duration = Duration::from_secs(60);

/// A process, told apart from a later one of the same number by its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub host: String,
    /// Boot and process namespace: within one, process numbers mean the same.
    pub system: String,
    pub process: u32,
    /// Clock ticks from the boot to the start of the process.
    pub started: String,
}

impl Holder {
    /// This process.
    pub fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
        let namespace = fs::read_link("/proc/self/ns/pid").map(|p| p.display().to_string()).unwrap_or_default();
        let process = std::process::id();
        Self {
            host: host_name(),
            system: format!("{} {namespace}", read("/proc/sys/kernel/random/boot_id")),
            process,
            started: start_of(process).unwrap_or_default(),
        }
    }

    fn same_system(&self, other: &Self) -> bool {
        (&self.host, &self.system) == (&other.host, &other.system)
    }

    fn same_boot(&self, other: &Self) -> bool {
        let boot = |holder: &Self| holder.system.split(' ').next().filter(|id| !id.is_empty()).map(str::to_owned);
        boot(self).is_some() && boot(self) == boot(other)
    }

    /// Whether the process still runs; asked only on its own system.
    fn runs(&self) -> bool {
        match cfg!(target_os = "linux") {
            true => start_of(self.process).is_some_and(|started| started == self.started),
            false => {
                let asked = std::process::Command::new("kill").args(["-0", &self.process.to_string()]).output();
                asked.is_ok_and(|o| o.status.success())
            }
        }
    }
}

fn host_name() -> String {
    let file = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let environment = || std::env::var("HOSTNAME").or_else(|_| std::env::var("COMPUTERNAME")).ok();
    file.map(|text| text.trim().to_owned()).or_else(environment).unwrap_or_else(|| "unknown".to_owned())
}

/// Start of a running process (Linux); `None` when there is none, or only its remains that nobody waited for.
fn start_of(process: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in parentheses, may hold anything; state is the first field after it, the start the twentieth.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let alive = !matches!(*fields.first()?, "Z" | "X");
    alive.then(|| fields.get(19).map(|s| (*s).to_owned()))?
}

#[derive(Serialize, Deserialize)]
struct Claim {
    #[serde(flatten)]
    holder: Holder,
    beat: u64,
}

/// The claims of a folder, as this process sees and holds them.
pub struct Claims {
    folder: PathBuf,
    me: Holder,
    held: Mutex<BTreeSet<String>>,
    over: Mutex<bool>,
    wake: Condvar,
}

impl Claims {
    /// Opens the folder of claims, made when missing.
    ///
    /// # Errors
    /// The disk.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        files::make_folder(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            me: Holder::here(),
            held: Mutex::default(),
            over: Mutex::new(false),
            wake: Condvar::new(),
        })
    }

    /// Takes a unit; false when a living process has it.
    ///
    /// # Errors
    /// The disk.
    pub fn take(&self, unit: &str) -> Result<bool, Error> {
        let mut held = lock(&self.held);
        if held.contains(unit) {
            return Ok(false);
        }
        let mut gate = self.gate()?;
        let path = self.path(unit);
        if let Some(claim) = self.read(&path)
            && claim.holder != self.me
            && self.lives(&claim.holder, &path, &mut gate)
        {
            return Ok(false);
        }
        self.write(&path, 0)?;
        held.insert(unit.to_owned());
        Ok(true)
    }

    /// Who has a unit, as far as it is written.
    pub fn holder(&self, unit: &str) -> Option<Holder> {
        self.read(&self.path(unit)).map(|claim| claim.holder)
    }

    /// Forgets a claim of a process of this machine that is known to be dead, whatever its container.
    ///
    /// # Errors
    /// The disk.
    pub fn forget_here(&self, unit: &str) -> Result<(), Error> {
        let path = self.path(unit);
        match self.holder(unit) {
            Some(holder) if holder.same_boot(&self.me) => {
                fs::remove_file(&path).map_err(|source| Error::io("remove", &path, source))
            }
            _ => Ok(()),
        }
    }

    /// Gives a unit back.
    pub fn release(&self, unit: &str) {
        lock(&self.held).remove(unit);
        let path = self.path(unit);
        if self.read(&path).is_some_and(|claim| claim.holder == self.me) {
            // A claim that stays behind is taken over like a dead process's.
            let _ = fs::remove_file(path);
        }
    }

    /// Renews every held claim until [`stop`](Self::stop); runs on a thread of its own.
    pub fn beat(&self) {
        let mut over = lock(&self.over);
        let mut count = 0;
        while !*over {
            (over, _) = self.wake.wait_timeout(over, BEAT).unwrap_or_else(PoisonError::into_inner);
            count += 1;
            for unit in lock(&self.held).iter() {
                let path = self.path(unit);
                // One that was taken over meanwhile (this machine slept) is left alone: both write the same files.
                if self.read(&path).is_some_and(|claim| claim.holder == self.me) {
                    let _ = self.write(&path, count);
                }
            }
        }
    }

    /// Ends [`beat`](Self::beat).
    pub fn stop(&self) {
        *lock(&self.over) = true;
        self.wake.notify_all();
    }

    fn path(&self, unit: &str) -> PathBuf {
        self.folder.join(format!("{unit}.json"))
    }

    fn read(&self, path: &Path) -> Option<Claim> {
        files::read_json(path).ok()
    }

    fn write(&self, path: &Path, beat: u64) -> Result<(), Error> {
        files::write_json(path, &Claim { holder: self.me.clone(), beat })
    }

    /// Claims change hands behind the folder's lock, which the system opens when its holder dies. A file system without locks
    /// does without: two workers may then do the same unit, with the same result.
    fn gate(&self) -> Result<File, Error> {
        files::lock(&self.folder.join(files::LOCK))
    }

    /// Held while the folder's tables are counted and written: of processes that end together the last one counts all. Given back
    /// when dropped.
    ///
    /// # Errors
    /// The disk.
    #[cfg(feature = "bench")]
    pub fn tables(&self) -> Result<File, Error> {
        files::lock(&self.folder.join(".tables"))
    }

    fn lives(&self, holder: &Holder, path: &Path, gate: &mut File) -> bool {
        if holder.same_system(&self.me) {
            return holder.runs();
        }
        // What was written just now has the folder's present time.
        let now = gate.set_len(0).and_then(|()| gate.write_all(b"x")).and_then(|()| gate.metadata()?.modified());
        let beat = fs::metadata(path).and_then(|m| m.modified());
        match (now, beat) {
            (Ok(now), Ok(beat)) => now.duration_since(beat).unwrap_or_default() < SILENCE,
            _ => true,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(holder: &Holder, folder: &Path) {
        files::write_json(&folder.join("u.json"), &Claim { holder: holder.clone(), beat: 3 }).unwrap();
    }

    #[test]
    fn one_worker_has_a_unit_until_it_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let claims = Claims::open(folder.path()).unwrap();
        assert!(claims.take("u").unwrap() && !claims.take("u").unwrap());
        claims.release("u");
        assert!(!folder.path().join("u.json").exists() && claims.take("u").unwrap());
    }

    #[test]
    fn the_dead_lose_their_claims_at_once_and_the_living_keep_them() {
        let folder = tempfile::tempdir().unwrap();
        let claims = Claims::open(folder.path()).unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let alive = Holder { process: child.id(), started: start_of(child.id()).unwrap_or_default(), ..Holder::here() };
        place(&alive, folder.path());
        assert!(!claims.take("u").unwrap());
        // Its number with another start is another process.
        if cfg!(target_os = "linux") {
            place(&Holder { started: "1".to_owned(), ..alive.clone() }, folder.path());
            assert!(claims.take("u").unwrap());
            claims.release("u");
            place(&alive, folder.path());
        }
        child.kill().unwrap();
        if cfg!(target_os = "linux") {
            // Killed and not yet waited for.
            std::thread::sleep(Duration::from_millis(200));
            assert!(claims.take("u").unwrap());
            claims.release("u");
            place(&alive, folder.path());
        }
        child.wait().unwrap();
        assert!(claims.take("u").unwrap());
    }

    #[test]
    fn another_hosts_claim_needs_ten_minutes_of_silence() {
        let folder = tempfile::tempdir().unwrap();
        let claims = Claims::open(folder.path()).unwrap();
        place(&Holder { host: "elsewhere".to_owned(), process: 1, ..Holder::here() }, folder.path());
        assert!(!claims.take("u").unwrap());
        let file = File::options().append(true).open(folder.path().join("u.json")).unwrap();
        let ago = |seconds| std::time::SystemTime::now() - Duration::from_secs(seconds);
        file.set_modified(ago(590)).unwrap();
        assert!(!claims.take("u").unwrap());
        file.set_modified(ago(610)).unwrap();
        assert!(claims.take("u").unwrap());
    }
}
