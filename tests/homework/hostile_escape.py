"""Attempts to read, write, talk or live outside the sandbox."""

from hostile import ALL, case

# --- out of the sandbox

case(
    "reads the solution",
    "graded",
    (2, 0, 5),
    """
    try: print('READ', open('@SOURCE@', errors='replace').read())
    except OSError as e: print(e.strerror)
    def total(x): 1 / 0
    """,
    says="No such file",
    hides="READ",
)
case(
    "reads the gradebook",
    "graded",
    ALL,
    """
    def total(x):
        return x.sum()
    try: print('READ', open('@GRADEBOOK@', errors='replace').read())
    except OSError as e: print(e.strerror)
    """,
    says="No such file",
    hides="READ",
)
case(
    "reads another student's work",
    "graded",
    ALL,
    """
    def total(x):
        return x.sum()
    try: print('READ', open('@OTHER@', errors='replace').read())
    except OSError as e: print(e.strerror)
    """,
    hides="READ",
)
case(
    "writes to the gradebook",
    "graded",
    ALL,
    """
    def total(x):
        return x.sum()
    import os
    for path in ('@GRADEBOOK@', '@OTHER@', '@ESCAPE@'):
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            open(path, 'w').write('mine')
        except OSError as e: print(e.strerror)
    """,
)
case(
    "looks for the solution everywhere",
    "graded",
    ALL,
    """
    def total(x):
        return x.sum()
    import os, sys
    skip = ('/proc', '/usr', '/sys', sys.prefix, sys.base_prefix)
    for top, folders, names in os.walk('/'):
        if top.startswith(skip):
            folders.clear()
            continue
        for name in names:
            if name.endswith(('.ipynb', '.db')) or 'assignment' in name or 'grad' in name:
                print('FOUND', top, name)
    print('looked')
    """,
    says="looked",
    hides="FOUND",
)
case(
    "imports the grader",
    "graded",
    ALL,
    """
    def total(x):
        return x.sum()
    for name in ('grading', 'tasks', 'records', 'checks', 'assignment'):
        try:
            __import__('lecturekit.homework.' + name); print('IMPORTED', name)
        except ImportError: pass
    """,
    hides="IMPORTED",
)
case(
    "reads the environment",
    "graded",
    ALL,
    """
    def total(x):
        return x.sum()
    import os, glob
    print(dict(os.environ))
    for file in glob.glob('/proc/*/environ') + glob.glob('/proc/*/cmdline'):
        try: print(open(file).read())
        except OSError: pass
    """,
    says="student",
    hides="lecturers-secret",
)
case(
    "talks to a server on loopback",
    "graded",
    ALL,
    """
    def total(x):
        return x.sum()
    import socket
    for host in ('127.0.0.1', '::1', 'localhost'):
        try:
            socket.create_connection((host, @PORT@), 1).sendall(b'hello'); print('CONNECTED')
        except OSError as e: print(e)
    """,
    hides="CONNECTED",
)
case(
    "talks to an abstract socket",
    "graded",
    ALL,
    r"""
    def total(x):
        return x.sum()
    import socket
    try:
        s = socket.socket(socket.AF_UNIX); s.connect('\0@SOCKET@'); s.sendall(b'hello'); print('CONNECTED')
    except OSError as e: print(e)
    """,
    hides="CONNECTED",
)
case(
    "a process that outlives it",
    "graded",
    ALL,
    """
    def total(x):
        return x.sum()
    import os, time
    if os.fork() == 0:
        os.setsid()
        if os.fork(): os._exit(0)
        os.closerange(0, 99)
        os.execv('/usr/bin/sleep', ['@SOCKET@', '600'])
    """,
)
case(
    "tools of the system",
    "graded",
    ALL,
    """
    def total(x):
        return x.sum()
    import subprocess
    for line in ('mount -t tmpfs x /usr', 'unshare -Ur true', 'chroot / true', 'su -c true'):
        words = line.split()
        try:
            if subprocess.run(words, capture_output=True).returncode == 0: print('WORKED', words)
        except OSError: pass
    """,
    hides="WORKED",
)
case(
    "changes the libraries",
    "graded",
    ALL,
    """
    def total(x):
        return x.sum()
    import os, sys, json
    course = ('/course/lecturekit/__init__.py', '/course/lecturekit/x', '/course/x')
    for path in (np.__file__, json.__file__, sys.executable, *course, '/usr/x', '/dev/x', '/x'):
        try:
            open(path, 'ab').close(); print('WROTE', path)
        except OSError: pass
    """,
    hides="WROTE",
)
case(
    "becomes root",
    "graded",
    ALL,
    """
    def total(x):
        return x.sum()
    import os
    for way in (os.setuid, os.setgid):
        try: way(0); print('ROOT')
        except OSError: pass
    print('uid', os.getuid())
    """,
    says="uid 1000",
    hides="ROOT",
)
case(
    "links in its folder to the gradebook",
    "graded",
    ALL,
    """
    def total(x):
        return x.sum()
    import os
    os.symlink('@GRADEBOOK@', 'toy.ipynb')
    try: print('READ', open('toy.ipynb').read())
    except OSError as e: print(e.strerror)
    """,
    hides="READ",
)
case(
    "a page's markup",
    "graded",
    (2, 0, 5),
    """
    def total(x): raise ValueError('<script>alert(1)</script>')
    """,
    says="<script>",
)
