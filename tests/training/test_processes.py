"""Several processes train one model together."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PROCESS = """
    import sys
    from pathlib import Path
    from training.heads import SINGLE, feed, fit_labelled, head
    from alih.progress import Progress
    from alih.training.loop import FitSettings
    folder = Path(sys.argv[1])
    train = feed(folder)
    module = head()
    result = fit_labelled(module, train, train, SINGLE, FitSettings(0.03, epochs=4), progress=Progress(quiet=True))
    weights = module.linear.weight.detach().double().sum().item()
    print("result", result.steps, result.history[-1]["train_loss"], weights, flush=True)
"""


@pytest.mark.slow
def test_two_processes_end_with_the_same_weights_after_half_of_the_steps_each(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = textwrap.dedent(PROCESS)
    children = []
    for rank in range(2):
        told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        environment = {**os.environ, **{name: str(value) for name, value in told.items()}}
        environment |= {"ALIH_DEVICE": "cpu", "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
        environment["PYTHONPATH"] = str(Path(__file__).parents[1])
        command = [sys.executable, "-c", code, str(tmp_path / str(rank))]
        children.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        )
    said = [child.communicate(timeout=240)[0] for child in children]
    lines = [next((line for line in text.splitlines() if line.startswith("result")), text) for text in said]
    assert lines[0] == lines[1]
    _, steps, loss, _ = lines[0].split()
    assert int(steps) == 4 * 8 // 2
    assert float(loss) < 0.9
