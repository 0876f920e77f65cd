//! MPI: processes that `mpirun` or `srun` started. With the feature `mpi` a system's library (Open MPI, MPICH), with `mpi-pure` the calls in
//! Rust alone, whose launcher is its own.

#[cfg(feature = "mpi")]
use ::mpi as api;
#[cfg(not(feature = "mpi"))]
use ::mpi_pure as api;

use api::{
    Threading, collective::SystemOperation, datatype::PartitionMut, environment::Universe,
    topology::SimpleCommunicator, traits::*,
};

use super::Ranks;

/// Values of one message: counts are 32-bit.
const MOST: usize = 1 << 28;

/// All processes that were started together.
pub struct World {
    universe: Universe,
    rank: usize,
    size: usize,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rank {} of {}", self.rank, self.size)
    }
}

impl World {
    /// Where this process was started with others; `None` where it is alone, or MPI was begun before.
    pub fn begin() -> Option<Self> {
        // Kernels call from threads of their pool, one at a time.
        let (universe, _) = api::initialize_with_threading(Threading::Serialized)?;
        let world = universe.world();
        let (rank, size) = (usize::try_from(world.rank()).ok()?, usize::try_from(world.size()).ok()?);
        (size > 1).then_some(Self { universe, rank, size })
    }

    fn world(&self) -> SimpleCommunicator {
        self.universe.world()
    }

    /// Ends all ranks at once, this one too.
    pub fn abort(&self, code: u8) -> ! {
        self.world().abort(i32::from(code))
    }

    /// Values of all ranks, each its own number of them, with these numbers.
    fn gather_any<T: Equivalence + Clone + Default>(&self, own: &[T]) -> (Vec<T>, Vec<i32>) {
        let count = i32::try_from(own.len()).unwrap_or(i32::MAX);
        let mut counts = vec![0; self.size];
        self.world().all_gather_into(&count, &mut counts[..]);
        let places: Vec<i32> =
            counts.iter().scan(0, |place, count| Some(std::mem::replace(place, *place + count))).collect();
        let mut all = vec![T::default(); counts.iter().map(|count| *count as usize).sum()];
        self.world().all_gather_varcount_into(own, &mut PartitionMut::new(&mut all[..], &counts[..], &places[..]));
        (all, counts)
    }

    fn sum_any<T: Equivalence + Clone>(&self, values: &mut [T]) {
        for part in values.chunks_mut(MOST) {
            let own = part.to_vec();
            self.world().all_reduce_into(&own[..], part, SystemOperation::sum());
        }
    }
}

impl Ranks for World {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn gather(&self, own: &[f32]) -> Vec<f32> {
        self.gather_any(own).0
    }

    fn gather_bytes(&self, own: &[u8]) -> Vec<Vec<u8>> {
        let (all, counts) = self.gather_any(own);
        let mut rest = all.as_slice();
        let each = counts.iter().map(|count| {
            let (own, more) = rest.split_at(*count as usize);
            rest = more;
            own.to_vec()
        });
        each.collect()
    }

    fn sum(&self, values: &mut [f64]) {
        self.sum_any(values);
    }

    fn sum_single(&self, values: &mut [f32]) {
        self.sum_any(values);
    }
}
