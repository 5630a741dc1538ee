"""Someone's own training, with its model on the page or without: own_model.py live|alone STEPS SECONDS; it waits for a line then."""

import json
import sys
import time

import torch
from torch import nn

import vitral

live, steps, seconds = sys.argv[1] == "live", int(sys.argv[2]), float(sys.argv[3])
torch.manual_seed(1)
model = nn.Sequential(
    nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Dropout(0.2), nn.Flatten(), nn.Linear(64, 3)
)
optimiser = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)


def train(seen=None):
    for _ in range(steps):
        x, y = torch.randn(6, 3, 8, 8), torch.randint(0, 3, (6,))
        scores = model(x)
        loss = nn.functional.cross_entropy(scores, y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if seen:
            seen.tell(loss, num_correct=(scores.argmax(1) == y).sum(), learning_rate=0.05)
        time.sleep(seconds)


if live:
    with vitral.watch(model, live=True, share=1.0, rate=50) as seen:
        train(seen)
    print(json.dumps({"problem": seen.problem, "looks": len(seen)}), flush=True)
else:
    train()
print(json.dumps([torch.get_rng_state().tolist(), *(p.tolist() for p in model.state_dict().values())]), flush=True)
sys.stdin.readline()
