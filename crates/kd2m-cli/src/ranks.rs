//! `kd2m train` and `kd2m distill` as one of several processes that MPI started: rank 0 speaks for all.

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
    /// A program without MPI that MPI has started.
    #[cfg(any(feature = "mpi", feature = "mpi-pure"))]
    pub(crate) fn begin() -> Result<Self, Error> {
        let world = kd2m::ranks::mpi::World::begin().map(Arc::new);
        if world.as_ref().is_some_and(|world| world.rank() > 0) {
            SILENT.store(true, Ordering::Relaxed);
            warning::be_silent();
        }
        Ok(Self { world })
    }

    /// There are none in this program.
    ///
    /// # Errors
    /// Others that MPI has started: each would take itself for the only one.
    #[cfg(not(any(feature = "mpi", feature = "mpi-pure")))]
    pub(crate) fn begin() -> Result<Self, Error> {
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<usize>().ok());
        match ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_PMI_SIZE"].into_iter().find_map(number) {
            Some(size) if size > 1 => {
                let rank = ["OMPI_COMM_WORLD_RANK", "PMI_RANK", "MPI_PMI_RANK"].into_iter().find_map(number);
                if rank.is_some_and(|rank| rank > 0) {
                    SILENT.store(true, Ordering::Relaxed);
                    warning::be_silent();
                }
                Err(Error::Config(format!(
                    "MPI has started {size} processes, but this kd2m is built without it: build with --features mpi, or start one"
                )))
            }
            _ => Ok(Self::default()),
        }
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
