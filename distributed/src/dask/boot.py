# Makes modules of what comes first on standard input, and runs the bridge: the
# program brings its Python along, and no file is written that could be left.
import json, linecache, os, struct, sys, types


def read(count):
    got = b""
    while len(got) < count:
        if not (more := os.read(0, count - len(got))):
            sys.exit(0)
        got += more
    return got


for name, source in json.loads(read(*struct.unpack("<Q", read(8)))):
    module = types.ModuleType(name)
    module.__file__ = file = f"<{name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    sys.modules[name] = module
    parent, _, own = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], own, module)
    else:
        module.__path__ = []
    exec(compile(source, file, "exec"), module.__dict__)
sys.modules["polyphony_dask.bridge"].main()
