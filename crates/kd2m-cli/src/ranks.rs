//! `kd2m train`, `kd2m distill` and `kd2m distance` as one of several processes that MPI started: rank 0 speaks for all.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use kd2m::{Error, ranks::Ranks, warning};

/// How long a rank waits for another to say what is wrong, before it says it itself.
#[cfg(any(feature = "mpi", feature = "mpi-pure"))]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// Set where another process speaks.
static SILENT: AtomicBool = AtomicBool::new(false);

/// Whether this process says nothing.
pub(crate) fn is_silent() -> bool {
    SILENT.load(Ordering::Relaxed)
}

/// Several processes that a launcher has started, as it tells each of them.
struct Started {
    size: usize,
    rank: usize,
    /// Who did.
    by: &'static str,
}

impl Started {
    /// Where each launcher says how many there are and which one this is: Open MPI, MPICH, Slurm's `srun`.
    const TOLD: [(&'static str, &'static str, &'static str); 4] = [
        ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "MPI"),
        ("PMI_SIZE", "PMI_RANK", "MPI"),
        ("MPI_PMI_SIZE", "MPI_PMI_RANK", "MPI"),
        ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "srun"),
    ];

    /// None where this is the only one.
    fn find() -> Option<Self> {
        let number = |name: &str| std::env::var(name).ok()?.parse::<usize>().ok();
        let told = Self::TOLD.iter().find_map(|&(size, rank, by)| Some((number(size)?, number(rank), by)));
        told.filter(|(size, ..)| *size > 1).map(|(size, rank, by)| Self { size, rank: rank.unwrap_or(0), by })
    }
}

/// Of several that would say the same, the first does.
fn be_silent_from(rank: usize) {
    if rank > 0 {
        SILENT.store(true, Ordering::Relaxed);
        warning::be_silent();
    }
}

/// This process among those that were started with it.
#[derive(Clone, Default)]
pub(crate) struct Crew {
    #[cfg(any(feature = "mpi", feature = "mpi-pure"))]
    world: Option<Arc<kd2m::ranks::mpi::World>>,
}

impl Crew {
    /// Finds the others, if there are any.
    ///
    /// # Errors
    /// Others that a launcher has started, of whom MPI does not know: each would take itself for the only one.
    #[cfg(any(feature = "mpi", feature = "mpi-pure"))]
    pub(crate) fn begin() -> Result<Self, Error> {
        let world = kd2m::ranks::mpi::World::begin().map(Arc::new);
        match (&world, Started::find()) {
            (Some(world), _) => be_silent_from(world.rank()),
            (None, Some(Started { size, rank, by })) => {
                be_silent_from(rank);
                return Err(Error::Config(format!(
                    "{by} has started {size} processes, but MPI knows of none but this one: start them so that MPI does (srun --mpi=pmix, \
                     the mpirun of the library that kd2m was built with), or start one"
                )));
            }
            (None, None) => {}
        }
        Ok(Self { world })
    }

    /// There are none in this program.
    ///
    /// # Errors
    /// Others that a launcher has started: each would take itself for the only one.
    #[cfg(not(any(feature = "mpi", feature = "mpi-pure")))]
    pub(crate) fn begin() -> Result<Self, Error> {
        let Some(Started { size, rank, by }) = Started::find() else { return Ok(Self::default()) };
        be_silent_from(rank);
        Err(Error::Config(format!(
            "{by} has started {size} processes, but this kd2m is built without it: build with --features mpi, or start one"
        )))
    }

    /// For a run's options.
    pub(crate) fn ranks(&self) -> Option<Arc<dyn Ranks>> {
        #[cfg(any(feature = "mpi", feature = "mpi-pure"))]
        return self.world.clone().map(|world| world as Arc<dyn Ranks>);
        #[cfg(not(any(feature = "mpi", feature = "mpi-pure")))]
        None
    }

    /// Ends all, after this one has said why.
    pub(crate) fn fail(&self, error: &Error, code: u8) {
        #[cfg(any(feature = "mpi", feature = "mpi-pure"))]
        if let Some(world) = &self.world {
            if is_silent() {
                // What all of them meet rank 0 says, and ends this one meanwhile.
                std::thread::sleep(PATIENCE);
                SILENT.store(false, Ordering::Relaxed);
                crate::say::say!("error: rank {}: {error}", world.rank());
            }
            world.abort(code);
        }
        let _ = (error, code);
    }
}
