"""Man pages, --help and completion tell of the same options, and of what the programs do."""

import glob
import json
import os
import re

import pytest

import programs

PROGRAMS = {"subcubefs": programs.SUBCUBEFS, "subcube-materialize": programs.MATERIALIZE}
PAGES = sorted(glob.glob(programs.ROOT + "/man/*.[0-9]") + glob.glob(programs.ROOT + "/dist/*.[0-9]"))
# Where the programs say what they accept: the beginning of an entry of each table.
TABLES = {"subcubefs": ("fs/options.c", r'\{ "([a-z-]+)", (?:no|required)_argument,'),
          "subcube-materialize": ("materialize/options.c", r"""\{ "([a-z-]+)", (?:KEY_|')""")}
FORMATS = programs.ROOT + "/man/subcubefs-formats.5"
BASH = programs.ROOT + "/completion/subcubefs.bash"
ZSH = programs.ROOT + "/completion/_subcubefs"


def text_of(path):
    with open(path) as stream:
        return stream.read()


def help_text(program):
    done = programs.run([PROGRAMS[program], "--help"])
    assert done.returncode == 0
    return done.stdout


def helped_options(program):
    """Those that --help has in its columns, short ones too."""
    found = set()
    for line in help_text(program).splitlines():
        match = re.match(r" +(?:(-\S), +)?(--[a-z-]+)", line)
        if match:
            found |= set(filter(None, match.groups()))
    return found


def documented_options(page):
    found = set()
    for line in text_of(page).splitlines():
        if line.startswith(".It Fl"):
            for name in re.findall(r"Fl (\S+)", line):
                found.add("-" + name.replace("\\&", ""))
    return found


# ---- --help and man pages ----

def test_there_are_four_pages():
    assert [os.path.basename(p) for p in PAGES] == ["mount.subcubefs.8", "subcube-materialize.1", "subcubefs-formats.5", "subcubefs.1"]


@pytest.mark.parametrize("page", PAGES, ids=os.path.basename)
def test_pages_are_right(page):
    try:
        done = programs.run(["mandoc", "-Tlint", "-W", "warning", page])
    except FileNotFoundError:
        pytest.skip("mandoc is not installed")
    assert done.returncode == 0 and done.stdout + done.stderr == "", done.stdout + done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_and_the_page_tell_of_the_same_options(program):
    """An option that is new goes into man/PROGRAM.1 too."""
    assert documented_options("%s/man/%s.1" % (programs.ROOT, program)) == helped_options(program)


@pytest.mark.parametrize("program", PROGRAMS)
def test_options_that_are_told_of_exist(program):
    """getopt knows each of them: one that it does not know is called so."""
    for option in helped_options(program):
        done = programs.run([PROGRAMS[program], option + ("=" if option.startswith("--") else "")])
        assert not re.search("unknown|unrecognized|invalid option", done.stderr), option


@pytest.mark.parametrize("program", PROGRAMS)
def test_options_that_exist_are_told_of(program):
    path, entry = TABLES[program]
    accepted = {"--" + name for name in re.findall(entry, text_of(os.path.join(programs.ROOT, path)))}
    told = {o for o in helped_options(program) if o.startswith("--")}
    of_argp = {"--help", "--usage", "--version"}
    assert accepted and accepted - told == set() and told - accepted <= of_argp


def test_help_the_page_and_completion_tell_of_the_same_mount_options(completion_environment):
    listed = help_text("subcubefs").split("\nMounting:\n")[1].split("\n\n")[0]
    helped = set(re.findall(r"^     ([a-z_]+=?)", listed, re.MULTILINE))
    page = text_of(programs.ROOT + "/man/subcubefs.1").split(".Ss Mounting")[1].split(".Ss")[0]
    assert helped == {name + ("=" if value else "") for name, value in re.findall(r"^\.It Cm (\S+)( Ns =)?", page, re.MULTILINE)}
    assert helped == set(bash_completes(completion_environment, "subcubefs", "-o", ""))
    ours = re.findall(r'\{ "([a-z_]+=?)', text_of(programs.ROOT + "/fs/session.c").split("find_own_options")[1].split("FUSE_OPT_END")[0])
    assert ours and set(ours) <= helped


@pytest.mark.parametrize("program, directory", [("subcubefs", "fs"), ("subcube-materialize", "materialize")])
def test_the_page_tells_of_the_environment(program, directory):
    """All variables that the program asks for, and no other."""
    sources = glob.glob(programs.ROOT + "/common/*.c") + glob.glob("%s/%s/*.c" % (programs.ROOT, directory))
    asked = {name for path in sources for name in re.findall(r'getenv\("(\w+)"\)', text_of(path))}
    told = text_of("%s/man/%s.1" % (programs.ROOT, program)).split("\n.Sh ENVIRONMENT\n")[1].split("\n.Sh ")[0]
    assert asked and set(re.findall(r"^\.It Ev (\w+)$", told, re.MULTILINE)) == asked


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_fits_100_columns(program):
    assert all(len(line) <= 100 for line in help_text(program).splitlines())


def test_references_lead_somewhere():
    ours = {re.sub(r"\.(\d)$", r" \1", os.path.basename(p)) for p in PAGES}
    for page in PAGES:
        for name in re.findall(r"\.Xr (subcube\S* \d)", text_of(page)):
            assert name in ours, "%s: %s" % (page, name)
    for program in PROGRAMS:
        for name, section in re.findall(r"(subcube[a-z-]*)\((\d)\)", help_text(program)):
            assert "%s %s" % (name, section) in ours


def test_the_readme_names_options_that_exist():
    known = helped_options("subcubefs") | helped_options("subcube-materialize")
    used = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text_of(programs.ROOT + "/README.md")))
    of_others = {"--quick", "--fusemount", "--now", "--prefix", "--global", "--user", "--destdir"}
    assert used - known <= of_others


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "tests/README.md"])
def test_what_documents_name_is_there(document):
    text = text_of(os.path.join(programs.ROOT, document))
    named = set(re.findall(r"(?<![\w/.~-])(?:common|fs|materialize|tests|tools|man|completion|python|dist)/[\w./-]*\w", text))
    assert named
    for path in named:
        made = path in ("tests/bench/results.md",)
        assert made or os.path.exists(os.path.join(programs.ROOT, path)), "%s names %s" % (document, path)


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_figures_of_the_readme_are_those_measured():
    """Who measures anew writes them anew."""
    measured = {}
    for name in ("results.md", "results-casa.md"):
        rows = [cells(line) for line in text_of(programs.HERE + "/bench/" + name).splitlines() if line[:1] == "|"]
        measured.update({row[0]: row for row in rows if len(row) == 8})     # shorter ones are of other tables
    rows = [cells(line) for line in text_of(programs.ROOT + "/README.md").split("## How fast it is")[1].split("\n## ")[0].splitlines()
            if line[:2] == "| "][1:]
    assert len(rows) > 5
    for _, ours, _, peer, ratio, line in rows:
        found = [re.sub(r" \(.*", "", measured[line][column]) for column in (2, 4, 5)]
        assert [ours, peer, ratio] == found, line


# ---- formats ----

def documented_words():
    found = set()
    for line in text_of(FORMATS).splitlines():
        if "Va " in line:
            found |= set(re.findall(r"[a-z_]+", line.split("Va ", 1)[1]))
    return found


def keys(value, skip=()):
    if isinstance(value, dict):
        return {k for k in value if k not in skip}.union(*(keys(v) for v in value.values()))
    if isinstance(value, list):
        return set().union(*(keys(v) for v in value))
    return set()


def test_every_key_of_json_is_documented(small):
    source, _ = small
    told = [json.loads(programs.materialize(*options, "--json", source + base).stdout)
            for options, base in ((["--list"], ""), (["--dry-run"], "/cube"))]
    told += [json.loads(line) for line in programs.materialize("--json", source + "/cube").stdout.splitlines()]
    assert keys(told) - documented_words() == set()


@pytest.mark.fuse
def test_every_key_of_the_status_is_documented(small, mount):
    """Of images that are shown, and of those that are not, because all their parts are too young."""
    source, _ = small
    with mount(source, "--settle=1000000") as mnt:
        told = [json.loads(text_of(mnt.view(".subcubefs/status.json")))]
    with mount(source, "--settle=0") as mnt:
        os.stat(mnt.view("cube.image/table.dat"))
        told.append(json.loads(text_of(mnt.view(".subcubefs/status.json"))))
    assert any(t["not_shown"] for t in told) and any(t["images"] for t in told)
    assert keys(told) - documented_words() == set()


def test_the_configuration_file_is_documented():
    known = set(re.findall(r'\{ "([a-z-]+)", (?:true|false) \}', text_of(programs.ROOT + "/common/config.c")))
    told = text_of(FORMATS).split("These can be set")[1].split(".Sh")[0]
    assert known and {w for line in re.findall(r"^\.Cm (.*)", told, re.MULTILINE) for w in re.findall("[a-z-]+", line)} == known
    for name in known:
        assert "--" + name in helped_options("subcubefs") | helped_options("subcube-materialize")


def test_the_page_tells_what_the_command_line_cannot_take_back():
    """An option without a value that has no opposite."""
    flags = set(re.findall(r'\{ "([a-z-]+)", false \}', text_of(programs.ROOT + "/common/config.c")))
    opposites = {"relax", "strict", "tempclose", "no-tempclose"}
    told = text_of(FORMATS).split("cannot be taken back")[1].split("(But")[0]
    assert flags > opposites
    assert set(re.findall(r"[a-z][a-z-]+", " ".join(re.findall(r"^\.Cm (.*)", told, re.MULTILINE)))) == (flags - opposites) | {"pattern", "ready-file"}


# ---- completion ----

@pytest.fixture
def completion_environment(tmp_path):
    for name in ("cube.subcube.0.image", "cube.subcube.10.psf", "other", "it is"):
        (tmp_path / "run" / name).mkdir(parents=True)
    path = ":".join([os.path.dirname(p) for p in PROGRAMS.values()] + [os.environ["PATH"]])
    return {"cwd": str(tmp_path), "env": dict(os.environ, PATH=path, HOME=str(tmp_path), TERM="xterm")}


COMPLETE = """
source "$0"
compopt() { :; }
complete -p subcubefs subcube-materialize >/dev/null || exit 1
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_subcubefs
[ ${#COMPREPLY[@]} = 0 ] || printf '%s\\n' "${COMPREPLY[@]}"
"""


def bash_completes(environment, *words):
    done = programs.run(["bash", "--norc", "-c", COMPLETE, BASH, *words], **environment)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("program", PROGRAMS)
def test_bash_completes_every_option(completion_environment, program):
    found = bash_completes(completion_environment, program, "--")
    assert {o.rstrip("=") for o in found} == {o for o in helped_options(program) if o.startswith("--")}


@pytest.mark.parametrize("words, expected", [
    (["subcubefs", "--missing", "=", "s"], ["skip"]),
    (["subcubefs", "--missing", "="], ["blank", "skip", "error"]),
    (["subcube-materialize", "--progress", "al"], ["always"]),
    (["subcube-materialize", "-m", "co"], ["copyvirtual"]),
    (["subcube-materialize", "--follow", "="], ["stdin"]),
    (["subcube-materialize", "--follow", "run/cu"], ["run/cube"]),
    (["subcube-materialize", "--nparts", "=", ""], []),
    (["subcube-materialize", "run/"], ["run/cube", "run/it is", "run/other"]),
    (["subcube-materialize", "run/cu"], ["run/cube"]),
    (["subcubefs", "ru"], ["run"]),
    (["subcubefs", "-o", "allow_other,dir"], ["allow_other,direct_io"]),
    (["subcube-materialize", "-o", "ru"], ["run"]),
])
def test_bash_completes(completion_environment, words, expected):
    assert bash_completes(completion_environment, *words) == expected


@pytest.mark.parametrize("program", PROGRAMS)
def test_bash_knows_which_values_are_names_of_files(completion_environment, program):
    """An option with a value is one that completion/subcubefs.bash knows: else it would offer the next argument, SOURCE."""
    for option in [o for o in bash_completes(completion_environment, program, "--") if o.endswith("=")]:
        found = bash_completes(completion_environment, program, option[:-1], "=", "ru")
        assert found == (["run"] if option in ("--cache-dir=", "--log=", "--output=") else []), option


@pytest.mark.parametrize("program", PROGRAMS)
def test_completed_values_are_accepted(small, completion_environment, program):
    for option in [o for o in helped_options(program) if o.startswith("--") and o not in ("--log", "--follow")]:
        for value in bash_completes(completion_environment, program, option, "=", ""):
            if os.path.exists(os.path.join(completion_environment["cwd"], value)):
                continue
            done = programs.run([PROGRAMS[program], "--list", "%s=%s" % (option, value), small[0]])
            assert done.returncode in (0, 1), "%s=%s: %s" % (option, value, done.stderr)


def test_bash_and_zsh_offer_the_same_values(completion_environment):
    offered = {option: words.split() for option, words in re.findall(r"'\*(--[a-z-]+)=\*:[\w ]+:\(([^)]*)\)'", text_of(ZSH))}
    values = {o for p in PROGRAMS for o in helped_options(p) if o.startswith("--") and o != "--log" and
              bash_completes(completion_environment, p, o, "=", "") and not bash_completes(completion_environment, p, o, "=", "ru")}
    assert values and set(offered) == values
    for program in PROGRAMS:
        for option in set(offered) & helped_options(program):
            assert bash_completes(completion_environment, program, option, "=", "") == offered[option], option


ZPTY = r"""
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1=; unsetopt beep; fpath=(${ZSH_COMPLETION:h} \$fpath); autoload -Uz compinit; compinit -u -D"
zpty -w z 'zmodload zsh/complist; show() { print -r -- "LI""NE<$BUFFER>"; }; zle -N show; bindkey "^X" show; print REA''DY'
zpty -r z out '*READY*'
zpty -w -n z "$1"$'\t\x18'
zpty -r z out '*LINE<*>*' && print -r -- "${${out##*LINE<}%%>*}"
zpty -d z
"""


@pytest.mark.parametrize("typed, completed", [
    ("subcubefs --foreg", "subcubefs --foreground "),
    ("subcubefs --missing=sk", "subcubefs --missing=skip "),
    ("subcube-materialize --dry", "subcube-materialize --dry-run "),
    ("subcube-materialize run/cu", "subcube-materialize run/cube "),
])
def test_zsh_completes(completion_environment, typed, completed):
    completion_environment["env"]["ZSH_COMPLETION"] = ZSH
    try:
        done = programs.run(["zsh", "-f", "-c", ZPTY, "zsh", typed], **completion_environment)
    except FileNotFoundError:
        pytest.skip("zsh is not installed")
    if "can't open pseudo terminal" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.stdout.strip("\n") == completed, done.stdout + done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_version_is_that_of_the_build(program):
    version = re.search(r"version: '([^']+)'", text_of(programs.ROOT + "/meson.build")).group(1)
    assert programs.run([PROGRAMS[program], "--version"]).stdout == "%s %s\n" % (program, version)
    assert re.search(r"^## %s\b" % re.escape(version), text_of(programs.ROOT + "/CHANGELOG.md"), re.MULTILINE)
