//! Rectifiers with a slope below zero, with the residual and the limits after them.

use kd2m_nn::{Prelu, Role};

use super::{Backward, Dx, Forward, Op};
use crate::{
    isa::{Kernel, Lanes},
    norm::parts_of,
    plan::{Compiler, ParameterId, Place},
    threads::{Shared, for_each, part},
};

struct Rectify {
    slopes: Slopes,
    channels: usize,
    /// Gradients to the slopes by parts of the rows.
    sums: Vec<f32>,
}

enum Slopes {
    Given(f32),
    Learned(ParameterId),
}

pub fn plan(c: &mut Compiler, node: usize, prelu: &Prelu) -> Place {
    let slopes = match *prelu {
        Prelu::Given(slope) => Slopes::Given(slope),
        Prelu::Learned(_) => Slopes::Learned(c.tensor(node, Role::Scale)),
    };
    let channels = c.extent(node).channels;
    c.stored(node, Rectify { slopes, channels, sums: Vec::new() })
}

impl Rectify {
    /// One slope a channel.
    fn each(&self, parameters: &crate::parameters::Parameters) -> Vec<f32> {
        match self.slopes {
            Slopes::Given(slope) => vec![slope; self.channels],
            Slopes::Learned(id) => match parameters.values(id) {
                &[slope] => vec![slope; self.channels],
                slopes => slopes.to_vec(),
            },
        }
    }
}

impl Op for Rectify {
    fn kind(&self) -> &'static str {
        "addition, activation"
    }

    fn tensors(&self) -> Vec<ParameterId> {
        match self.slopes {
            Slopes::Given(_) => Vec::new(),
            Slopes::Learned(id) => vec![id],
        }
    }

    /// Each gradient depends on its own place alone.
    fn over_dy(&self, _: bool) -> bool {
        true
    }

    fn held(&self) -> usize {
        self.sums.len()
    }

    fn forward(&mut self, step: Forward) {
        let Forward { isa, inputs, y, parameters, .. } = step;
        let (slopes, x) = (self.each(parameters), inputs[0]);
        let (width, rows) = (self.channels, x.len() / self.channels);
        let parts = parts_of(rows, width);
        let y = Shared::new(y);
        for_each(parts, |i| {
            let rows = part(rows, i, parts);
            let values = rows.start * width..rows.end * width;
            // SAFETY: each part has its own rows.
            let y = unsafe { y.slice(values.clone()) };
            isa.run(Values { x: &x[values], y, slopes: &slopes });
        });
    }

    fn backward(&mut self, step: Backward) {
        let Backward { isa, x, dy, dx, parameters, .. } = step;
        let slopes = self.each(parameters);
        let (width, rows) = (self.channels, x.len() / self.channels);
        let parts = parts_of(rows, width);
        self.sums.resize(parts * width, 0.0);
        let wanted = !matches!(dx, Dx::None);
        let (target, add) = match dx {
            Dx::Own { values, add } => (Some(Shared::new(values)), add),
            Dx::OverDy | Dx::None => (None, false),
        };
        let (dy, sums) = (Shared::new(dy), Shared::new(&mut self.sums));
        for_each(parts, |i| {
            let rows = part(rows, i, parts);
            let values = rows.start * width..rows.end * width;
            // SAFETY: each part has its own rows and sums.
            let (dy, dx, sums) = unsafe {
                let dx = target.map(|dx| dx.slice(values.clone()));
                (dy.slice(values.clone()), dx, sums.slice(i * width..(i + 1) * width))
            };
            isa.run(Gradients { x: &x[values], dy, dx, add, wanted, slopes: &slopes, sums });
        });
        let Slopes::Learned(id) = self.slopes else { return };
        let of = |channel: usize| {
            let parts = self.sums[..parts * width].iter().skip(channel).step_by(width);
            parts.map(|sum| f64::from(*sum)).sum::<f64>()
        };
        match parameters.gradient_to_add(id) {
            [one] => *one += (0..width).map(of).sum::<f64>() as f32,
            all => all.iter_mut().enumerate().for_each(|(channel, to)| *to += of(channel) as f32),
        }
    }
}

struct Values<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
    slopes: &'a [f32],
}

impl Kernel for Values<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(self, _: S) {
        let width = self.slopes.len();
        for (y, x) in self.y.chunks_exact_mut(width).zip(self.x.chunks_exact(width)) {
            y.iter_mut().zip(x).zip(self.slopes).for_each(|((y, x), slope)| *y = if *x > 0.0 { *x } else { slope * x });
        }
    }
}

/// dx = dy, times the slope below zero, and Σ dy x there of each channel.
struct Gradients<'a> {
    x: &'a [f32],
    dy: &'a mut [f32],
    /// None: over dy.
    dx: Option<&'a mut [f32]>,
    add: bool,
    /// Whether anybody asks for it.
    wanted: bool,
    slopes: &'a [f32],
    sums: &'a mut [f32],
}

impl Kernel for Gradients<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Lanes>(mut self, _: S) {
        let (width, slopes) = (self.slopes.len(), self.slopes);
        self.sums.fill(0.0);
        for (i, (x, dy)) in self.x.chunks_exact(width).zip(self.dy.chunks_exact_mut(width)).enumerate() {
            let below = self.sums.iter_mut().zip(x).zip(&*dy);
            below.for_each(|((sum, x), dy)| *sum += if *x > 0.0 { 0.0 } else { dy * x });
            let factors = x.iter().zip(slopes).map(|(x, slope)| if *x > 0.0 { 1.0 } else { *slope });
            match &mut self.dx {
                _ if !self.wanted => {}
                None => dy.iter_mut().zip(factors).for_each(|(dy, factor)| *dy *= factor),
                Some(dx) => {
                    let dx = dx[i * width..(i + 1) * width].iter_mut().zip(&*dy).zip(factors);
                    if self.add {
                        dx.for_each(|((dx, dy), factor)| *dx += dy * factor);
                    } else {
                        dx.for_each(|((dx, dy), factor)| *dx = dy * factor);
                    }
                }
            }
        }
    }
}
