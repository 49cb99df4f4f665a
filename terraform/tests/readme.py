"""Writes the tables of inputs and outputs into the READMEs of modules and stacks; with --check only says what is stale."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MARK = "<!-- written by terraform/tests/readme.py -->"


def blocks(path, kind):
    """Name and body of each block of a kind in a file."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return re.findall(rf'^{kind} "([^"]+)" {{\n(.*?)^}}', text, re.M | re.S)


def description(body):
    """The description, in one line."""
    one = re.search(r'^  description = "(.*)"$', body, re.M)
    if one:
        return one.group(1).replace('\\"', '"')
    return " ".join(re.search(r"description = <<-TEXT\n(.*?)^  TEXT", body, re.M | re.S).group(1).split())


def default(body):
    """The default as it is written, when it is short."""
    found = re.search(r"^  default +=(.*?)(?=\n\n|\n  validation|\Z)", body, re.M | re.S)
    if not found:
        return "needed"
    text = " ".join(found.group(1).split())
    return f"`{text}`" if len(text) <= 40 else "see `variables.tf`"


def table(folder):
    """Both tables of a folder."""
    lines = [MARK, "", "| input | default | what it is |", "|---|---|---|"]
    for name, body in blocks(folder / "variables.tf", "variable"):
        lines.append(f"| `{name}` | {default(body)} | {cell(description(body))} |")
    lines += ["", "| output | what it is |", "|---|---|"]
    for name, body in blocks(folder / "outputs.tf", "output"):
        lines.append(f"| `{name}` | {cell(description(body))} |")
    return "\n".join(lines) + "\n"


def cell(text):
    """Text that does not end its cell."""
    return text.replace("|", "\\|")


def main():
    """Goes through all folders; ends with 1 when --check finds a stale one."""
    stale = []
    for folder in sorted([*ROOT.glob("modules/*/"), *ROOT.glob("stacks/*/")]):
        path = folder / "README.md"
        text = path.read_text(encoding="utf-8")
        if MARK not in text:
            sys.exit(f"failed to find where tables go in {path.relative_to(ROOT)}: add the line {MARK}")
        new = text.split(MARK)[0] + table(folder)
        if new != text:
            stale.append(str(path.relative_to(ROOT)))
            if "--check" not in sys.argv:
                path.write_text(new, encoding="utf-8")
    if stale:
        print(f"stale: {', '.join(stale)}" + ("; run terraform/tests/readme.py" if "--check" in sys.argv else ", now written"))
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
