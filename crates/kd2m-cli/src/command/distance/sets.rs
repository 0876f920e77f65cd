//! Sets that are not held: shards of many files, read by position, and the same by several processes, which agree on what they compare
//! first. Whatever a divergence cannot do so is read whole, by one process.

use std::{
    io,
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use kd2m::{
    Error,
    ranks::{Alone, Ranks},
};
use kd2m_data::{
    DataError,
    features::{Features, Location, Number, Precision, Shards, Values, read_features, read_weights, write_matrix},
};
use kd2m_ot::{
    OtError, Potentials, Real, Side,
    divergence::{
        AnyDivergence, Divergence, Request,
        registry::{ENTRIES, Form},
    },
    internals::Isa,
    sets::{Held, Over, Set, Source, Widened},
};

use super::{
    answer::{Answer, finite, verdict_of},
    metrics::{Metric, Metrics},
    outputs::Outputs,
    show,
};
use crate::{arguments::DistanceArguments, ranks::is_silent};

/// What one set is read from.
#[derive(Debug)]
enum Rows {
    Files(Shards),
    F32(Held<f32>),
    F64(Held<f64>),
}

/// Compares sets in tiles, where the arguments ask for that: shards, or several processes. `None` where both are to be held by this one.
///
/// # Errors
/// Bad input; several processes that would not do the same, or were asked for what one alone can do.
pub fn distance(
    arguments: &DistanceArguments,
    metrics: &Metrics,
    outputs: &Outputs,
    request: Request,
    ranks: Option<Arc<dyn Ranks>>,
) -> Result<Option<ExitCode>, Error> {
    let shards = [&arguments.a, &arguments.b].into_iter().any(|text| Shards::are_at(&Location::parse(text)));
    if ranks.is_none() && !shards && arguments.duals.is_none() {
        return Ok(None);
    }
    let metric = match metrics {
        Metrics::One(metric) if metric.form == Form::Plain && metric.entry.traits.sets => metric,
        _ if ranks.is_none() && arguments.duals.is_none() => return Ok(None),
        _ => return Err(only_whole(arguments)),
    };
    if arguments.duals.is_some() && !metric.entry.traits.keeps {
        let able: Vec<&str> = ENTRIES.iter().filter(|e| e.traits.keeps).map(|e| e.name).collect();
        return Err(Error::Config(format!(
            "--duals keeps potentials of an exact plan: take it with {}",
            able.join(" or ")
        )));
    }
    // What is as large as the sets is made of sets that are held.
    if ranks.is_none() && (request.gradient || (request.plan && !metric.entry.traits.keeps)) {
        return Ok(None);
    }
    let alone: Arc<dyn Ranks> = Arc::new(Alone);
    let ranks = ranks.unwrap_or(alone);
    let rows = open_all(arguments, ranks.as_ref())?;
    let [a, b] = &rows;
    let wide = [a, b].into_iter().any(Rows::is_double);
    let code = match wide {
        false => compare::<f32>(arguments, metric, outputs, request, ranks.as_ref(), [&Single(a), &Single(b)]),
        true => compare::<f64>(arguments, metric, outputs, request, ranks.as_ref(), [&Double(a), &Double(b)]),
    };
    code.map(Some)
}

/// What to say where several processes, or kept potentials, are asked for what one does with both sets in memory.
fn only_whole(arguments: &DistanceArguments) -> Error {
    let able: Vec<&str> = ENTRIES.iter().filter(|e| e.traits.sets).map(|e| e.name).collect();
    Error::Config(format!(
        "--metric {} is computed by one process that holds both sets: {} are computed in tiles, and by several",
        arguments.metric,
        able.join(", ")
    ))
}

/// Both sets, once every rank could open them and all have found the same.
fn open_all(arguments: &DistanceArguments, ranks: &dyn Ranks) -> Result<[Rows; 2], Error> {
    let opened = open(&arguments.a).and_then(|a| Ok([a, open(&arguments.b)?]));
    let told = match &opened {
        Ok(rows) => Ok(describe(arguments, rows)?),
        Err(error) => Err(error.to_string()),
    };
    let text = serde_json::to_vec(&told).map_err(Error::json("what ranks agree on"))?;
    let own = ranks.rank();
    for (other, text) in ranks.gather_bytes(&text).iter().enumerate() {
        let found: Result<Vec<String>, String> =
            serde_json::from_slice(text).map_err(Error::json("what ranks agree on"))?;
        let why = match (&told, found) {
            _ if other == own => continue,
            // Its own reason is said by itself, or by the first that has one.
            (Err(_), Err(_)) if own < other => continue,
            (Err(_), Ok(_)) => continue,
            (_, Err(why)) => format!("cannot read what is compared ({why})"),
            (Ok(here), Ok(there)) => match here.iter().zip(&there).find(|(here, there)| here != there) {
                Some((here, there)) => format!("compares something else: {here} here, {there} there"),
                None => continue,
            },
        };
        return Err(Error::Ranks { rank: own, other, why });
    }
    Ok(opened?)
}

fn open(text: &str) -> Result<Rows, DataError> {
    let location = Location::parse(text);
    let is_npy = location.path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy"));
    if Shards::are_at(&location) {
        return Ok(Rows::Files(Shards::open(&location)?));
    }
    // One file that can be read by position is a set of one shard.
    if is_npy && let Ok(shards) = Shards::open(&location) {
        return Ok(Rows::Files(shards));
    }
    let Features { values, d, .. } = read_features(&location)?;
    let held = |error: OtError| DataError::Format { place: location.to_string(), problem: error.to_string() };
    Ok(match values {
        Values::F32(values) => Rows::F32(Held::new(values, d).map_err(held)?),
        Values::F64(values) => Rows::F64(Held::new(values, d).map_err(held)?),
    })
}

/// What all ranks must have alike, each in words.
fn describe(arguments: &DistanceArguments, rows: &[Rows; 2]) -> Result<Vec<String>, Error> {
    let mut all = vec![
        format!("kd2m {}", env!("CARGO_PKG_VERSION")),
        format!("{} kernels (KD2M_ISA)", Isa::detect().name()),
        format!("--metric {}", arguments.metric),
        format!("--set {}", arguments.sets.join(" --set ")),
        format!("duals {}, coupling {}", arguments.duals.is_some(), arguments.plan_out.is_some()),
    ];
    for (side, rows) in ["A", "B"].into_iter().zip(rows) {
        all.push(format!("{side} of {} × {}", rows.len(), rows.width()));
        if let Rows::Files(shards) = rows {
            let files = shards.told_by()?;
            all.extend(files.into_iter().map(|(name, bytes)| format!("{side} with {name} of {bytes} bytes")));
        }
    }
    Ok(all)
}

impl Rows {
    fn len(&self) -> usize {
        match self {
            Rows::Files(files) => files.len(),
            Rows::F32(held) => held.len(),
            Rows::F64(held) => held.len(),
        }
    }

    fn width(&self) -> usize {
        match self {
            Rows::Files(files) => files.width(),
            Rows::F32(held) => held.width(),
            Rows::F64(held) => held.width(),
        }
    }

    fn is_double(&self) -> bool {
        match self {
            Rows::Files(files) => files.are_double(),
            Rows::F32(_) => false,
            Rows::F64(_) => true,
        }
    }
}

fn from_files<T: Precision>(files: &Shards, first: usize, into: &mut [T]) -> io::Result<()> {
    files.read(first, into).map_err(io::Error::other)
}

/// A set in single precision.
#[derive(Debug)]
struct Single<'r>(&'r Rows);

impl Source<f32> for Single<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn width(&self) -> usize {
        self.0.width()
    }

    fn read(&self, first: usize, into: &mut [f32]) -> io::Result<()> {
        match self.0 {
            Rows::Files(files) => from_files(files, first, into),
            Rows::F32(held) => held.read(first, into),
            Rows::F64(_) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}

/// A set in double precision, whatever it is stored in: widening changes no value.
#[derive(Debug)]
struct Double<'r>(&'r Rows);

impl Source<f64> for Double<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn width(&self) -> usize {
        self.0.width()
    }

    fn read(&self, first: usize, into: &mut [f64]) -> io::Result<()> {
        match self.0 {
            Rows::Files(files) if files.are_double() => from_files(files, first, into),
            Rows::Files(_) => Widened(&Single(self.0)).read(first, into),
            Rows::F32(held) => Widened(held).read(first, into),
            Rows::F64(held) => held.read(first, into),
        }
    }
}

fn compare<T: Real + Number>(
    arguments: &DistanceArguments,
    metric: &Metric,
    outputs: &Outputs,
    request: Request,
    ranks: &dyn Ranks,
    sources: [&dyn Source<T>; 2],
) -> Result<ExitCode, Error>
where
    dyn AnyDivergence: Divergence<T>,
{
    let weights = |text: &Option<String>| text.as_deref().map(|t| read_weights(&Location::parse(t))).transpose();
    let set = |side, source, weights: Option<Vec<f64>>| -> Result<Set<T>, Error> {
        let set = Set::new(side, source)?;
        Ok(weights.map_or(Ok(set.clone()), |weights| set.with_weights(&weights))?)
    };
    let a = set(Side::A, sources[0], weights(&arguments.weights_a)?)?;
    let b = set(Side::B, sources[1], weights(&arguments.weights_b)?)?;
    outputs.check_size(a.len(), b.len())?;
    let duals = arguments.duals.as_deref().map(|path| Duals { path, failed: Mutex::default() });
    let start = duals.as_ref().map(|duals| duals.begun(b.len())).transpose()?.flatten();
    let keep = |v: &[f64]| duals.as_ref().map_or(Ok(()), |duals| duals.keep(ranks, v));
    let over = Over { ranks, keep: if duals.is_some() { Some(&keep) } else { None } };
    let begin = Instant::now();
    let request = Request { start: start.as_ref(), ..request };
    let found = Divergence::<T>::evaluate_sets(&*metric.divergence, &a, &b, request, over);
    let found = found.ok_or_else(|| only_whole(arguments))?;
    let seconds = begin.elapsed().as_secs_f64();
    let solution = match (found, &duals) {
        (Err(OtError::Unkept { why }), Some(duals)) => return Err(duals.why().unwrap_or(Error::Config(why))),
        (found, _) => found.and_then(|solution| finite(metric, solution)).map_err(|error| metric.explain(error))?,
    };
    let sizes = show::Sizes { n: a.len(), m: b.len(), d: [a.width(), b.width()], precision: T::NAME };
    let answer = Answer { solution, seconds };
    show::one(metric, &answer, &sizes, arguments.json)?;
    show::doubts(metric, &answer);
    if !is_silent() {
        outputs.write(metric, &answer.solution, &sizes)?;
    }
    Ok(verdict_of(arguments, &answer.solution))
}

/// Where potentials are kept, and begun from.
struct Duals<'p> {
    path: &'p Path,
    /// Why they could not be written.
    failed: Mutex<Option<Error>>,
}

impl Duals<'_> {
    /// What was kept another time, if anything.
    fn begun(&self, m: usize) -> Result<Option<Potentials>, Error> {
        if !self.path.exists() {
            return Ok(None);
        }
        let v = read_weights(&Location { path: self.path.to_owned(), key: None })?;
        let place = self.path.display();
        if v.len() != m {
            let count = v.len();
            return Err(Error::Config(format!(
                "--duals {place}: holds {count} potentials, B has {m} samples: they are of other sets, name another file"
            )));
        }
        if let Some(row) = v.iter().position(|v| !v.is_finite()) {
            return Err(Error::Config(format!("--duals {place}: row {row} is {}: remove the file", v[row])));
        }
        Ok(Some(Potentials { u: Vec::new(), v }))
    }

    /// Writes them, whole or not at all; of several processes the first does.
    fn keep(&self, ranks: &dyn Ranks, v: &[f64]) -> io::Result<()> {
        if ranks.rank() > 0 {
            return Ok(());
        }
        write_matrix(self.path, v.len(), 1, v.iter().copied()).map_err(|error| {
            let text = error.to_string();
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.into());
            io::Error::other(text)
        })
    }

    fn why(&self) -> Option<Error> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
