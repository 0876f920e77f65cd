//! How unlike two classes are to a teacher: C_ij = 1 − exp(−κ (1 − CKA_ij)), from the first features of each class seen
//! in training. CKA is the linear one over channels, where the order of images, which pair with nothing across classes,
//! does not count. Lv et al. 2024 (WKD) for C; Kornblith et al. 2019 for CKA.

use burn::tensor::{Device, Tensor, TensorData};
use kd2m_nn::{NamedTensor, Weights};

use crate::{
    batch::{CopyError, host},
    parameters::fitting,
};

/// Features by class, and the cost they give.
pub struct ClassCost {
    classes: usize,
    width: usize,
    /// Features kept of each class.
    images: usize,
    sharpness: f64,
    /// `[classes, images, width]`, centred over channels; rows not yet seen are zero and add nothing.
    bank: Vec<f32>,
    /// Rows seen of each class.
    seen: Vec<usize>,
    /// `[classes, classes]`, made when asked for.
    matrix: Option<Tensor<2>>,
}

impl ClassCost {
    /// An empty bank: all classes are equally unlike.
    pub fn new(classes: usize, width: usize, images: usize, sharpness: f64) -> Self {
        let (bank, seen) = (vec![0.0; classes * images * width], vec![0; classes]);
        Self { classes, width, images, sharpness, bank, seen, matrix: None }
    }

    /// Keeps features `[n, width]` of classes that are not full yet.
    ///
    /// # Errors
    /// Features that cannot be copied from their device.
    pub fn remember(&mut self, features: &Tensor<2>, labels: &[u32]) -> Result<(), CopyError> {
        if self.seen.iter().all(|seen| *seen == self.images) {
            return Ok(());
        }
        let rows = host(features)?;
        for (row, label) in rows.chunks_exact(self.width).zip(labels) {
            let class = *label as usize;
            let Some(seen) = self.seen.get_mut(class).filter(|seen| **seen < self.images) else { continue };
            let start = (class * self.images + *seen) * self.width;
            let mean = row.iter().sum::<f32>() / self.width as f32;
            self.bank[start..start + self.width].iter_mut().zip(row).for_each(|(to, x)| *to = x - mean);
            *seen += 1;
            self.matrix = None;
        }
        Ok(())
    }

    /// The cost `[classes, classes]` on this device.
    ///
    /// # Errors
    /// Products that cannot be copied from the device.
    pub fn matrix(&mut self, device: &Device) -> Result<Tensor<2>, CopyError> {
        if let Some(matrix) = &self.matrix {
            return Ok(matrix.clone());
        }
        let matrix = self.measure(device)?;
        self.matrix = Some(matrix.clone());
        Ok(matrix)
    }

    fn measure(&self, device: &Device) -> Result<Tensor<2>, CopyError> {
        let (classes, images) = (self.classes, self.images);
        let bank = TensorData::new(self.bank.clone(), [classes * images, self.width]);
        let bank = Tensor::<2>::from_data(bank, device);
        let transposed = bank.clone().transpose();
        // ⟨X_iᵀX_i, X_jᵀX_j⟩ = ‖X_i X_jᵀ‖²: no matrix over channels is made.
        let rows = (0..classes).map(|i| {
            let inner = bank.clone().narrow(0, i * images, images).matmul(transposed.clone());
            inner.square().sum_dim(0).reshape([classes, images]).sum_dim(1).reshape([1, classes])
        });
        let products = host(&Tensor::cat(rows.collect(), 0))?;
        let costs = (0..classes * classes).map(|at| {
            let (i, j) = (at / classes, at % classes);
            if i == j {
                return 0.0;
            }
            let size = (f64::from(products[i * classes + i]) * f64::from(products[j * classes + j])).sqrt();
            let alignment = if size > 0.0 { f64::from(products[at]) / size } else { 0.0 };
            (1.0 - (-self.sharpness * (1.0 - alignment)).exp()) as f32
        });
        Ok(Tensor::from_data(TensorData::new(costs.collect::<Vec<f32>>(), [classes, classes]), device))
    }

    fn shape(&self) -> [usize; 3] {
        [self.classes, self.images, self.width]
    }

    /// The bank, for exact resume.
    pub fn state(&self) -> Weights {
        let seen = self.seen.iter().map(|s| *s as f32).collect();
        Weights::from([
            ("bank".to_owned(), NamedTensor { shape: self.shape().to_vec(), values: self.bank.clone() }),
            ("seen".to_owned(), NamedTensor { shape: vec![self.classes], values: seen }),
        ])
    }

    /// Puts a bank back.
    ///
    /// # Errors
    /// A missing tensor or another shape.
    pub fn load_state(&mut self, state: &Weights) -> Result<(), String> {
        let bank = fitting(state, "bank", &self.shape())?;
        let seen = fitting(state, "seen", &[self.classes])?;
        self.bank = bank.values.clone();
        self.seen = seen.values.iter().map(|s| (*s as usize).min(self.images)).collect();
        self.matrix = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(rows: &[[f32; 3]]) -> Tensor<2> {
        let values = rows.iter().flatten().copied().collect::<Vec<f32>>();
        Tensor::from_data(TensorData::new(values, [rows.len(), 3]), &Device::flex())
    }

    #[test]
    fn alike_classes_cost_nothing_and_orthogonal_ones_most() {
        let mut cost = ClassCost::new(3, 3, 2, 1.0);
        // Centred over channels, (1, −1, 0) and (1, 1, −2) are orthogonal.
        let rows = [[1.0, -1.0, 0.0], [2.0, -2.0, 0.0], [1.0, 1.0, -2.0]];
        cost.remember(&features(&rows), &[0, 1, 2]).unwrap();
        let found = host(&cost.matrix(&Device::flex()).unwrap()).unwrap();
        let most = 1.0 - (-1.0f32).exp();
        for (at, expected) in [(0, 0.0), (1, 0.0), (2, most), (3, 0.0), (6, most), (7, most)] {
            assert!((found[at] - expected).abs() < 1e-6, "{at}: {found:?}");
        }
    }

    #[test]
    fn a_full_bank_stays_and_is_restored() {
        let mut cost = ClassCost::new(2, 3, 1, 1.0);
        cost.remember(&features(&[[1.0, -1.0, 0.0], [1.0, 0.5, -1.0]]), &[0, 1]).unwrap();
        let before = host(&cost.matrix(&Device::flex()).unwrap()).unwrap();
        cost.remember(&features(&[[5.0, 1.0, 0.0]]), &[0]).unwrap();
        assert_eq!(host(&cost.matrix(&Device::flex()).unwrap()).unwrap(), before);
        let mut other = ClassCost::new(2, 3, 1, 1.0);
        other.load_state(&cost.state()).unwrap();
        assert_eq!(host(&other.matrix(&Device::flex()).unwrap()).unwrap(), before);
        let wrong = ClassCost::new(2, 3, 4, 1.0).load_state(&cost.state()).unwrap_err();
        assert!(wrong.contains("bank"), "{wrong}");
    }
}
