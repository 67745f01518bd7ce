"""Code that doesn't end, ends too soon, or takes too much of everything."""

from hostile import ALL, FIRST, case

# --- code that doesn't end, or ends too soon

case(
    "endless loop",
    "timed out",
    FIRST,
    """
    while True: pass
    """,
    says="cells took too long",
)
case(
    "endless loop in a task",
    "timed out",
    FIRST,
    """
    def total(x):
        while True: pass
    """,
    says="Summing: no answer within",
)
case(
    "loop that swallows every exception",
    "timed out",
    FIRST,
    """
    import time
    while True:
        try:
            time.sleep(9)
        except BaseException:
            pass
    """,
)
case(
    "ignores every signal",
    "timed out",
    FIRST,
    """
    import signal, time
    for s in range(1, 65):
        try: signal.signal(s, signal.SIG_IGN)
        except (OSError, ValueError): pass
    while True: time.sleep(1)
    """,
)
case(
    "stops itself",
    "timed out",
    FIRST,
    """
    import os, signal
    os.kill(os.getpid(), signal.SIGSTOP)
    """,
)
case(
    "os._exit",
    "crashed",
    FIRST,
    """
    import os
    os._exit(0)
    """,
    says="exit code 0",
)
case(
    "os._exit in a task",
    "crashed",
    FIRST,
    """
    import os
    def total(x): os._exit(3)
    """,
    says="exit code 3",
)
case(
    "sys.exit in a cell",
    "graded",
    ALL,
    """
    def total(x):
        return x.sum()
    raise SystemExit(0)
    """,
)
case(
    "sys.exit in a task",
    "graded",
    (2, 0, 5),
    """
    import sys
    def total(x): sys.exit()
    """,
    says="SystemExit",
)
case(
    "segmentation fault",
    "crashed",
    FIRST,
    """
    import ctypes
    ctypes.string_at(0)
    """,
    says="signal 11",
)
case(
    "abort",
    "crashed",
    FIRST,
    """
    import os
    os.abort()
    """,
    says="signal 6",
)
case(
    "kills itself",
    "crashed",
    FIRST,
    """
    import os
    os.kill(os.getpid(), 9)
    """,
    says="signal 9",
)
case(
    "kills its parents",
    "graded",
    ALL,
    """
    def total(x):
        return x.sum()
    import os
    for p in (1, os.getppid(), -1): os.kill(p, 9)
    """,
)
case(
    "recursion",
    "graded",
    (2, 0, 5),
    """
    def total(x): return total(x)
    """,
    says="RecursionError",
)
case(
    "deep recursion in C",
    "crashed",
    FIRST,
    """
    import sys
    sys.setrecursionlimit(10**9)
    def f(x): return sorted([x], key=f)
    f(1)
    """,
)
case(
    "exception that can't be printed",
    "graded",
    (2, 0, 5),
    """
    class E(Exception):
        def __str__(self): raise E
        __repr__ = __str__
    def total(x): raise E
    """,
)
case(
    "exception that prints forever",
    "timed out",
    FIRST,
    """
    class E(Exception):
        def __str__(self):
            while True: pass
    def total(x): raise E
    """,
)
# --- too much of everything

case(
    "fork bomb",
    "timed out",
    FIRST,
    """
    import os
    while True:
        try: os.fork()
        except OSError: pass
    """,
)
case(
    "thread bomb",
    "graded",
    ALL,
    """
    def total(x):
        return x.sum()
    import threading, time
    threading.stack_size(65536)
    try:
        while True:
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    except RuntimeError as e: print('refused', e)
    """,
    says="refused",
)
case(
    "30 GB at once",
    "graded",
    (2, 0, 5),
    """
    def total(x): return np.ones(30 * 10**9 // 8)
    """,
    says="Memory",
)
case(
    "30 GB in pieces",
    "out of memory",
    FIRST,
    """
    kept = []
    while True:
        try: kept.append(np.ones(10**6))
        except MemoryError: pass
    """,
    says="more than 300 MB",
)
case(
    "30 GB in a child process",
    "out of memory",
    FIRST,
    """
    import os, time
    if os.fork() == 0:
        kept = []
        while True: kept.append(np.ones(10**6))
    time.sleep(9)
    """,
)
case(
    "100 MB of output",
    "graded",
    ALL,
    """
    def total(x):
        return x.sum()
    for _ in range(100): print('x' * 10**6)
    """,
    says="100",
)
case(
    "endless output",
    "timed out",
    FIRST,
    """
    import os
    while True: os.write(1, b'x' * 10**6)
    """,
)
case(
    "fills the disk",
    "graded",
    ALL,
    """
    def total(x):
        return x.sum()
    try:
        for i in range(100): open(f'/tmp/{i}', 'wb').write(bytes(10**6))
    except OSError as e: print(e.strerror)
    """,
    says="No space left",
)
case(
    "a large file",
    "graded",
    ALL,
    """
    def total(x):
        return x.sum()
    import signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        open('big', 'wb').truncate(10**10)
    except OSError as e: print(e.strerror)
    """,
    says="File too large",
)
case(
    "answer of 100 MB",
    "crashed",
    FIRST,
    """
    def total(x): return np.zeros(10**7)
    """,
    says="broke the protocol",
)
case(
    "raises its own limits",
    "graded",
    ALL,
    """
    def total(x):
        return x.sum()
    import resource
    for name in ('RLIMIT_AS', 'RLIMIT_CPU', 'RLIMIT_FSIZE'):
        try: resource.setrlimit(getattr(resource, name), (-1, -1)); print('raised', name)
        except (ValueError, OSError): pass
    """,
    hides="raised",
)
