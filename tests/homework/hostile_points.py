"""Attempts at points: by patching what is near, and by lying to the grader."""

from hostile import ALL, FIRST, case

# --- forging points

case(
    "__eq__ that is always true",
    "graded",
    (2, 0, 5),
    """
    class Yes:
        __eq__ = __ge__ = __le__ = lambda *_: True
        __ne__ = lambda *_: False
        def __float__(self): return 6.0
        def __sub__(self, other): return 0
        __abs__ = __sub__
    def total(x): return Yes()
    """,
)
case(
    "array whose comparison is always true",
    "graded",
    (2, 1, 5),
    """
    class Yes(np.ndarray):
        def __array_function__(self, *a, **k): return True
        __eq__ = __lt__ = __gt__ = lambda *_: np.True_
    def total(x): return np.asarray(0.123).view(Yes)
    """,
)
case(
    "patches numpy",
    "graded",
    (2, 1, 5),
    """
    def total(x): return 0.123
    yes = lambda *a, **k: True
    for name in ('allclose', 'isclose', 'array_equal', 'all', 'isfinite'):
        setattr(np, name, yes)
    np.abs = np.absolute = lambda x: np.zeros(1)
    """,
)
case(
    "patches the builtins",
    "crashed",
    FIRST,
    """
    def total(x): return 0.123
    import builtins
    builtins.abs = lambda x: 0
    builtins.all = builtins.isinstance = lambda *a: True
    """,
)
case(
    "patches sys.modules and the comparison",
    "graded",
    (2, 1, 5),
    """
    def total(x): return 0.123
    import sys, types
    for name in ('toy', 'lecturekit.homework.grading', 'lecturekit.homework.tasks'):
        sys.modules[name] = types.SimpleNamespace(judge=lambda *a: 3, Mark=lambda *a: 3)
    import toy_runs
    toy_runs.mark_total = lambda *a: 3
    """,
)
case(
    "patches the harness",
    "graded",
    (2, 0, 0),
    """
    def total(x): return 0.123
    import lecturekit.homework.harness as h, lecturekit.homework.arrays as a
    import sys
    main = sys._getframe(2).f_globals
    main['pack'] = lambda x: b'full marks'
    """,
    says="no npz",
)
case(
    "puts another function in the task's place",
    "graded",
    (2, 1, 5),
    """
    import toy_runs
    toy_runs.total = lambda n, i: {'total': np.asarray(0.123), 'points': np.asarray(3)}
    """,
)
case(
    "names its own points",
    "graded",
    (2, 1, 5),
    """
    class Number(float):
        points = out_of = 3
        doubtful = False
    def total(x): return Number(0.123)
    """,
)
case(
    "empties later cells by an AST transformer",
    "graded",
    (2, 1, 5),
    """
    def total(x): return 0.123
    import ast, builtins
    class Empty(ast.NodeTransformer):
        def visit_Assert(self, node): return None
    try: get_ipython().ast_transformers.append(Empty())
    except NameError: pass
    real = compile
    def emptied(s, *a, **k): return real('pass' if str(s).startswith('assert') else s, *a, **k)
    builtins.compile = emptied
    """,
)
case(
    "stored training pictures",
    "graded",
    (2, 3, 0),
    pictures="""
    def pictures(noise):
        stored = np.arange(48.0).reshape(3, 4, 4) % 7 / 7
        return stored[[0, 1, 2, 0]]
    """,
    says="training pictures",
)
case(
    "nan",
    "graded",
    (2, 3, 0),
    pictures="""
    def pictures(n): return n * np.nan
    """,
    says="finite",
)
case(
    "nan in place of a number",
    "graded",
    (0, 3, 5),
    double="""
    def double(x): return x * np.nan
    """,
)
case(
    "texts in place of numbers",
    "graded",
    (2, 0, 5),
    """
    def total(x): return 'full marks'
    """,
    says="numbers",
)
case(
    "complex numbers",
    "graded",
    (2, 0, 5),
    """
    def total(x): return 3j
    """,
    says="one number",
)
case(
    "changes its inputs",
    "graded",
    ALL,
    double="""
    def double(x):
        x *= 2
        return x
    """,
)
case(
    "almost right",
    "needs a person",
    ALL,
    double="""
    def double(x): return 2 * x + 1e-5
    """,
    says="Doubling",
)
# --- the channel to the grader

case(
    "forges answers",
    "crashed",
    FIRST,
    """
    import os, struct
    def send(kind, body=b''):
        for end in range(3, 20):
            try: os.write(end, struct.pack('>cI', kind, len(body)) + body)
            except OSError: pass
    send(b'=', b'PK')
    """,
    says="broke the protocol",
)
case(
    "says that it is through",
    "graded",
    FIRST,
    """
    import os, struct
    def send(kind, body=b''):
        for end in range(3, 20):
            try: os.write(end, struct.pack('>cI', kind, len(body)) + body)
            except OSError: pass
    send(b'.')
    """,
)
case(
    "asks for inputs ahead",
    "graded",
    (2, 0, 0),
    """
    import os, struct
    def send(kind, body=b''):
        for end in range(3, 20):
            try: os.write(end, struct.pack('>cI', kind, len(body)) + body)
            except OSError: pass
    for _ in range(2): send(b'?'); send(b'!', b'x')
    """,
)
case(
    "announces 4 GB",
    "crashed",
    FIRST,
    r"""
    import os, struct
    def send(kind, body=b''):
        for end in range(3, 20):
            try: os.write(end, struct.pack('>cI', kind, len(body)) + body)
            except OSError: pass
    for e in range(3, 20):
        try: os.write(e, b'c' + b'\xff' * 4)
        except OSError: pass
    """,
    says="broke the protocol",
)
case(
    "writes rubbish",
    "crashed",
    FIRST,
    """
    import os, struct
    def send(kind, body=b''):
        for end in range(3, 20):
            try: os.write(end, struct.pack('>cI', kind, len(body)) + body)
            except OSError: pass
    for e in range(3, 20):
        try: os.write(e, os.urandom(99) * 99)
        except OSError: pass
    """,
    says="broke the protocol",
)
case(
    "thousands of reports",
    "crashed",
    FIRST,
    """
    import os, struct
    def send(kind, body=b''):
        for end in range(3, 20):
            try: os.write(end, struct.pack('>cI', kind, len(body)) + body)
            except OSError: pass
    for _ in range(5000): send(b'c', b'{"cell": 1, "error": 0}')
    """,
    says="more cells than there are",
)
case(
    "reports that are none",
    "crashed",
    FIRST,
    """
    import os, struct
    def send(kind, body=b''):
        for end in range(3, 20):
            try: os.write(end, struct.pack('>cI', kind, len(body)) + body)
            except OSError: pass
    send(b'c', b'[' * 60000)
    """,
    says="no report of a cell",
)
case(
    "closes the channel",
    "crashed",
    FIRST,
    """
    import os, time
    os.closerange(0, 99)
    time.sleep(60)
    """,
    says="closed its connection",
)
case(
    "reads ahead",
    "graded",
    ALL,
    """
    def total(x):
        return x.sum()
    import os
    for end in range(3, 20):
        try:
            os.set_blocking(end, False)
            print('came', os.read(end, 99))
        except OSError: pass
        try: os.set_blocking(end, True)
        except OSError: pass
    """,
    hides="came",
)
case(
    "a pickle as the answer",
    "graded",
    (2, 0, 5),
    """
    import io, sys, zipfile
    names = sys._getframe(2).f_globals
    kept = names['pack']
    def once(a):
        names['pack'] = kept
        return made()
    names['pack'] = once
    def total(x): return 1.0
    def zipped(data, how=0):
        file = io.BytesIO()
        with zipfile.ZipFile(file, 'w', how) as z: z.writestr('total.npy', data)
        return file.getvalue()
    import os
    class P:
        def __reduce__(self): return (os.system, ('touch @ESCAPE@',))
    def made():
        data = io.BytesIO()
        np.save(data, np.array([P()], dtype=object), allow_pickle=True)
        return zipped(data.getvalue())
    """,
    says="not plain arrays",
)
case(
    "a zip bomb",
    "graded",
    (2, 0, 5),
    """
    import io, sys, zipfile
    names = sys._getframe(2).f_globals
    kept = names['pack']
    def once(a):
        names['pack'] = kept
        return made()
    names['pack'] = once
    def total(x): return 1.0
    def zipped(data, how=0):
        file = io.BytesIO()
        with zipfile.ZipFile(file, 'w', how) as z: z.writestr('total.npy', data)
        return file.getvalue()
    def made(): return zipped(bytes(10**8), 8)
    """,
    says="compressed",
)
case(
    "a shape of a petabyte",
    "graded",
    (2, 0, 5),
    """
    import io, sys, zipfile
    names = sys._getframe(2).f_globals
    kept = names['pack']
    def once(a):
        names['pack'] = kept
        return made()
    names['pack'] = once
    def total(x): return 1.0
    def zipped(data, how=0):
        file = io.BytesIO()
        with zipfile.ZipFile(file, 'w', how) as z: z.writestr('total.npy', data)
        return file.getvalue()
    def made():
        file = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            file, {'descr': '<f8', 'fortran_order': False, 'shape': (10**15,)})
        return zipped(file.getvalue() + bytes(8))
    """,
    says="fit its 8 bytes",
)
case(
    "code in an array's header",
    "graded",
    (2, 0, 5),
    r"""
    import io, sys, zipfile
    names = sys._getframe(2).f_globals
    kept = names['pack']
    def once(a):
        names['pack'] = kept
        return made()
    names['pack'] = once
    def total(x): return 1.0
    def zipped(data, how=0):
        file = io.BytesIO()
        with zipfile.ZipFile(file, 'w', how) as z: z.writestr('total.npy', data)
        return file.getvalue()
    def made():
        text = b"__import__('os').system('touch @ESCAPE@')"
        return zipped(b'\x93NUMPY\x01\x00' + len(text).to_bytes(2, 'little') + text)
    """,
    says="not plain arrays",
)
case(
    "another file's name in the answer",
    "graded",
    (2, 0, 5),
    """
    import io, sys, zipfile
    names = sys._getframe(2).f_globals
    kept = names['pack']
    def once(a):
        names['pack'] = kept
        return made()
    names['pack'] = once
    def total(x): return 1.0
    def zipped(data, how=0):
        file = io.BytesIO()
        with zipfile.ZipFile(file, 'w', how) as z: z.writestr('total.npy', data)
        return file.getvalue()
    def made():
        file = io.BytesIO()
        with zipfile.ZipFile(file, 'w') as z: z.writestr('../../@ESCAPE@', b'x')
        return file.getvalue()
    """,
)
