"""Set Vitral up in .venv and run it, with nothing but Python >= 3.11.

python3 start.py               open the laboratory in the browser: the default experiment is learning there
python3 start.py ARGUMENTS     any command, such as: train lenet-mnist, --help; "test" is all checks, with more words pytest alone
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

if sys.version_info < (3, 11):
    sys.exit("start.py: Vitral needs Python 3.11 or later, this is {}.{}; call a newer one".format(*sys.version_info))
HOUSE = Path(__file__).resolve().parent
BIN = HOUSE / ".venv" / ("Scripts" if os.name == "nt" else "bin")
PYTHON = str(BIN / ("python.exe" if os.name == "nt" else "python"))
CHECKS = ("ruff check .", "ruff format --check .", "mypy", "lint-imports", "python frontend/build.py test", "pytest")
OFFLINE = re.compile("NewConnection|NameResolution|name resolution|getaddrinfo|ConnectTimeout|ReadTimeout|unreachable|ProxyError")


def set_up(extra: str) -> None:
    """Make .venv and install Vitral into it; a stamp of what decides the outcome lets later calls pass at once."""
    project, stamp = (HOUSE / "pyproject.toml").read_text("utf-8"), HOUSE / ".venv" / "vitral-stamp"
    page = [p.read_bytes() for p in sorted((HOUSE / "frontend").rglob("*.*")) if p.is_file() and "node_modules" not in p.parts]
    wanted, built = (hashlib.sha256(repr(part).encode()).hexdigest() for part in ((project, str(HOUSE), sys.version_info[:2]), page))
    found = stamp.read_text().split() if stamp.exists() and Path(PYTHON).exists() else []
    if {wanted, built} <= {*found} and extra in ("", *found):
        return
    print("Setting Vitral up in .venv, once: 1 to 5 minutes, 1.5 GB of disk (6 GB where PyTorch comes with CUDA)", flush=True)
    make = [sys.executable, "-m", "venv", *["--clear"] * stamp.exists(), str(HOUSE / ".venv")]
    if wanted not in found and subprocess.run(make, check=False, capture_output=True).returncode:
        fill = [sys.executable, "-m", "pip", "--python", PYTHON, "install", "--quiet", "pip"]  # no ensurepip: the pip outside helps
        if subprocess.call([*make, "--without-pip"]) or subprocess.call(fill):
            sys.exit("start.py: no pip in .venv; see the words above, or install Python's venv package (Debian: apt install python3-venv)")
    install("--editable", f"{HOUSE}[{extra}]" if extra else str(HOUSE), *cpu_engine(project))
    stamp.write_text(f"{wanted} {built} {extra}")


def cpu_engine(project: str) -> list[str]:
    """Ask for PyTorch's CPU-only build (a tenth of the size) where pip lists a recent enough one and no NVIDIA GPU is to be seen."""
    if shutil.which("nvidia-smi") or Path("/proc/driver/nvidia").exists():
        return []
    listed = subprocess.run([PYTHON, "-m", "pip", "index", "versions", "torch"], check=False, capture_output=True, text=True).stdout
    least = [int(part) for part in re.search(r'"torch>=([\d.]+)', project)[1].split(".")]
    return [f"torch=={v}+cpu" for v in re.findall(r"([\d.]+)\+cpu", listed) if [int(part) for part in v.split(".")] >= least][:1]


def install(*what: str) -> None:
    """Run pip, tell what it fetches, and end in one line where it cannot."""
    command, words = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", *what], ""
    with subprocess.Popen(command, env={**os.environ, "PIP_USER": "0"}, stdout=-1, stderr=-2, text=True) as pip:  # one pipe for both
        for line in pip.stdout:
            words += line
            if line.strip().startswith(("Downloading", "Processing", "Installing")):
                print(f"  {line.strip()[:100]}", flush=True)
    if pip.returncode:
        cure = "the package index cannot be reached; connect to the network" if OFFLINE.search(words) else f"pip failed: {words[-1500:]}"
        sys.exit(f"start.py: {cure} and give the same command again")


def main(command: str = "open", *options: str) -> int | str:
    """Set up what ``command`` needs and run it; gives the exit code, or which checks failed: that is said last and ends with 1."""
    set_up("test" if command == "test" else "")
    os.environ["VITRAL_COMMAND"] = f"python3 {sys.argv[0]}"  # so that what Vitral says to type next works as it stands
    vitral = [PYTHON, "-m", "vitral.cli", command, *options]
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is the child's affair: it saves its work first
    if command != "test":
        return subprocess.call(vitral) if os.name == "nt" else os.execv(PYTHON, vitral)  # execv comes with signals as they were
    checks = [["pytest", *options]] if options else [check.split() for check in CHECKS]
    failed = [" ".join(check) for check in checks if subprocess.call([shutil.which(check[0], path=str(BIN)), *check[1:]], cwd=HOUSE)]
    return f"start.py: failed: {', '.join(failed)}; see what each said above" if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
