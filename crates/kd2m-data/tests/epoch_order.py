"""A second implementation of `random.rs` and `epoch_order`, in plain Python, for the permutation stored in `src/order.rs`.

Run: python3 epoch_order.py; it prints the order of 0..10 for seed 1, epoch 0. PCG64 (XSL-RR 128/64) after O'Neill 2014.
"""

WORD, STATE = (1 << 64) - 1, (1 << 128) - 1
MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645
ORDER, INCREMENT = 3, 0x6B64326D << 1 | 1


def split_mix(value):
    z = (value + 0x9E3779B97F4A7C15) & WORD
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & WORD
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & WORD
    return z ^ z >> 31


def draws(purpose, seed, a, b):
    key = 0
    for part in (purpose, seed, a, b):
        key = split_mix(key ^ split_mix(part))
    state = split_mix(key ^ 1) << 64 | split_mix(key ^ 2)
    state = ((state + INCREMENT) * MULTIPLIER + INCREMENT) & STATE
    while True:
        state = (state * MULTIPLIER + INCREMENT) & STATE
        turn, value = state >> 122, (state >> 64 ^ state) & WORD
        yield (value >> turn | value << (64 - turn)) & WORD


def epoch_order(indices, seed, epoch):
    order, stream = list(indices), draws(ORDER, seed, epoch, 0)
    for last in range(len(order) - 1, 0, -1):
        other = next(stream) * (last + 1) >> 64
        order[last], order[other] = order[other], order[last]
    return order


print(epoch_order(range(10), seed=1, epoch=0))
