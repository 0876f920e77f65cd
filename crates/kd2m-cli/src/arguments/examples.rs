//! What one would type: the last words of a command's help.

pub const TRAIN: &str = "Examples:
  kd2m train --config my.toml                                      # the teacher of a configuration, alone
  kd2m train --set data.dataset=cifar10 --data-root data --set teacher.model=resnet34 --epochs 30";
pub const DISTILL: &str = "Examples:
  kd2m distill                                                     # the digits demonstration
  kd2m distill --criterion w2 --criterion hinton+cw2 --seeds 1,2,3,4,5,6,7,8,9,10
  kd2m distill --criterion w2 --weight 'auto*3' --out runs/heavier
  kd2m distill --set data.dataset=cifar10 --data-root data --set data.train_limit=5000 --epochs 5
  kd2m init folder:photos@64 --out photos.toml && kd2m distill --config photos.toml";
pub const BOUND: &str = "Examples:
  kd2m bound runs/digits-demo                                      # a line for each student
  kd2m bound runs/digits-demo/students/w2/seed-1                   # one, with every chain of inequalities
  kd2m bound runs/digits-demo --arm w2 --split val --json";
pub const COMPARE: &str = "Examples:
  kd2m compare runs/short runs/long                                # each arm with the arm of its name in the first run
  kd2m compare runs/first runs/second runs/third --against w2      # every arm with w2 of the first run
  kd2m compare runs/short runs/long --json";
pub const REPORT: &str = "Examples:
  kd2m report runs/digits-demo                                     # writes runs/digits-demo/report.html
  kd2m report runs/photos --data-root /other/place";
pub const DISTANCE: &str = "Examples:
  kd2m distance a.npy b.npy --metric w2
  kd2m distance a.npz:features b.npz:features --metric sinkhorn --set epsilon=0.1 --json
  kd2m distance a.npy b.npy --metric cw2 --labels-a a.txt --labels-b b.txt
  kd2m distance a.npy b.npy --metric w2 --grad-out gradient.npy --plan-out plan.npz
  kd2m distance a/ 'b/part-*.npy' --metric bounds                   # shards, read in tiles
  kd2m distance a.npy b.npy --metric all";
pub const BENCH: &str = "Examples:
  kd2m bench configs/bench-digits.toml --dry-run                   # the plan, and how long it takes here
  kd2m bench configs/bench-digits.toml --seeds 1,2,3 --out runs/try
  kd2m bench configs/bench-digits.toml --shard 1/2 --out shared    # and 2/2 elsewhere, into the same folder";
pub const REPRODUCE: &str = "Examples:
  kd2m reproduce paper --dry-run --data-root data
  kd2m reproduce paper --row cifar10/cw2 --data-root data --teacher-init resnet34-b627a593.pth";
pub const LIST: &str = "Examples:
  kd2m list criteria w2                                            # one, or those whose names hold this
  kd2m list models resnet20 --classes 100                          # with its stages, which `on` and `stages` accept
  kd2m list models --long --size 64 --classes 200                  # with parameters and multiply-adds for such images
  kd2m list keys optim
  kd2m list kernels --model resnet18 --batch 64";
pub const INIT: &str = "Examples:
  kd2m init folder:photos@64 --out photos.toml      # then: kd2m distill --config photos.toml
  kd2m init cifar10 --grid --out grid.toml          # then: kd2m bench grid.toml";
pub const DOCTOR: &str = "Examples:
  kd2m doctor
  kd2m doctor --data-root data --out /scratch/runs --json";
pub const COMPLETIONS: &str = "Examples:
  kd2m completions bash > ~/.local/share/bash-completion/completions/kd2m
  kd2m completions zsh > ~/.zfunc/_kd2m            # with fpath+=~/.zfunc before compinit
  kd2m completions fish > ~/.config/fish/completions/kd2m.fish";
pub const MAN: &str = "Examples:
  kd2m man | man -l -                              # the program's own page
  kd2m man distill | man -l -
  kd2m man --out ~/.local/share/man/man1           # all pages, for `man kd2m-distill`";
