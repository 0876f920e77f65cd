//! The learning rate at any point of training. As PyTorch's schedulers stepped once an epoch; warm-up rises with every batch.

use std::f64::consts::PI;

use crate::config::{OptimConfig, ScheduleKind};

/// The rate in `epoch` (from 0), after a `fraction` of its batches, of `epochs` in all.
pub fn learning_rate(optim: &OptimConfig, epochs: usize, epoch: usize, fraction: f64) -> f64 {
    let at = epoch as f64 + fraction;
    if at < optim.warmup_epochs {
        return optim.lr * at.max(f64::EPSILON) / optim.warmup_epochs;
    }
    match optim.schedule {
        ScheduleKind::Constant => optim.lr,
        ScheduleKind::MultiStep => {
            let passed = optim.milestones.iter().filter(|m| epoch >= **m).count();
            optim.lr * 0.1f64.powi(passed as i32)
        }
        ScheduleKind::Cosine => {
            let (start, end) = (optim.warmup_epochs.floor(), epochs as f64);
            let progress = if end > start { (epoch as f64 - start) / (end - start) } else { 1.0 };
            optim.min_lr + 0.5 * (optim.lr - optim.min_lr) * (1.0 + (PI * progress.clamp(0.0, 1.0)).cos())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn optim(schedule: ScheduleKind) -> OptimConfig {
        OptimConfig { lr: 0.1, min_lr: 0.001, schedule, milestones: vec![2, 4], ..OptimConfig::default() }
    }

    #[test]
    fn cosine_follows_pytorch() {
        // torch.optim.lr_scheduler.CosineAnnealingLR(SGD(lr=0.1), T_max=5, eta_min=0.001), one step an epoch.
        let torch = [0.1, 0.090_546_341_2, 0.065_796_341_2, 0.035_203_658_8, 0.010_453_658_8];
        for (epoch, expected) in torch.iter().enumerate() {
            let lr = learning_rate(&optim(ScheduleKind::Cosine), 5, epoch, 0.5);
            assert!((lr - expected).abs() < 1e-10, "{epoch}: {lr}");
        }
    }

    #[test]
    fn multistep_divides_at_milestones_and_warmup_rises_from_zero() {
        let mut optim = optim(ScheduleKind::MultiStep);
        let lr = |o: &OptimConfig, e, f| learning_rate(o, 6, e, f);
        assert_eq!(lr(&optim, 1, 0.9), 0.1);
        assert!((lr(&optim, 2, 0.0) - 0.01).abs() < 1e-15 && (lr(&optim, 5, 0.0) - 0.001).abs() < 1e-15);
        optim.warmup_epochs = 2.0;
        assert!((lr(&optim, 0, 0.5) - 0.025).abs() < 1e-12 && (lr(&optim, 1, 0.5) - 0.075).abs() < 1e-12);
    }
}
