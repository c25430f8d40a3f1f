"""`python -m infra.sizes BUILD`: what each function weighs with its layers, unzipped.

Lambda refuses a function whose unzipped code and layers pass 250 MB; we stop at 240.
"""

from __future__ import annotations

import sys
from pathlib import Path

from infra.local.template import read

LIMIT_MB = 240.0
_MB = 1024 * 1024


def size_mb(folder: Path) -> float:
    """All files below a folder, in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / _MB


def weigh(build: Path) -> dict[str, float]:
    """MB of each function of a built template, layers included."""
    template = read(build / "template.yaml")
    resources = template["Resources"]
    shared = template["Globals"]["Function"].get("Layers", [])
    weights = {}
    for name, resource in resources.items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        properties = resource["Properties"]
        layers = [layer["Ref"] for layer in [*shared, *properties.get("Layers", [])]]
        parts = [properties["CodeUri"]]
        parts += [resources[layer]["Properties"]["ContentUri"] for layer in layers]
        weights[name] = sum(size_mb(build / part) for part in parts)
    return weights


def main() -> int:
    """Print the weights; 1 when one is too heavy, 2 without a built template."""
    build = Path(sys.argv[1] if len(sys.argv) > 1 else ".aws-sam/build")
    if not (build / "template.yaml").is_file():
        sys.stderr.write(f"error: nothing is built in {build}: run `make build`\n")
        return 2
    weights = weigh(build)
    for name, weight in sorted(weights.items(), key=lambda pair: -pair[1]):
        sys.stdout.write(f"{weight:7.1f} MB  {name}\n")
    heavy = [name for name, weight in weights.items() if weight > LIMIT_MB]
    if heavy:
        sys.stderr.write(f"error: over {LIMIT_MB:.0f} MB unzipped: {', '.join(heavy)}\n")
    return 1 if heavy else 0


if __name__ == "__main__":
    sys.exit(main())
