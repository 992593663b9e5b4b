"""Which files are read, in which order, and what is said about those that are not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from regtools import RegistriesConf, RegtoolsError

MAIN = "/etc/containers/registries.conf"
HOME = {"HOME": "/home/u"}
USER = "/home/u/.config/containers/registries.conf"


def make(root: Path, *files: str, **texts: str) -> None:
    for file in files:
        path = root / file.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts.get("text", ""))


def load(root: Path, podman: str = "6", uid: int = 1000, **environ: str) -> RegistriesConf:
    return RegistriesConf.load(podman=podman, root=root, environ=HOME | environ, uid=uid)


def why(conf: RegistriesConf, path: str) -> str:
    return dict(conf.files_ignored)[path]


def test_podman_6_reads_drop_ins_of_all_directories_by_base_name(tmp_path: Path) -> None:
    dropins = [
        f"{USER}.d/50-user.conf",
        "/etc/containers/registries.rootless.conf.d/1000/10-mine.conf",
        "/etc/containers/registries.rootless.conf.d/9-less.conf",
        "/etc/containers/registries.rootful.conf.d/20-root.conf",
        f"{MAIN}.d/B.conf",
        f"{MAIN}.d/.hidden.conf",
        "/usr/share/containers/registries.rootless.conf.d/a.conf",
        "/usr/share/containers/registries.conf.d/.conf",
    ]
    make(tmp_path, MAIN, *dropins)
    conf = load(tmp_path)
    assert [os.path.basename(path) for path in conf.files_read] == [  # noqa: PTH119
        "registries.conf", ".conf", ".hidden.conf", "10-mine.conf", "50-user.conf", "9-less.conf", "B.conf", "a.conf",
    ]  # fmt: skip
    assert conf.files_read[0] == MAIN
    assert "root" in why(conf, "/etc/containers/registries.rootful.conf.d/20-root.conf")
    as_root = load(tmp_path, uid=0)
    assert dropins[3] in as_root.files_read
    assert not any("rootless" in path for path in as_root.files_read)


def test_a_stronger_directory_masks_equal_names(tmp_path: Path) -> None:
    make(
        tmp_path,
        MAIN,
        f"{USER}.d/5.conf",
        f"{MAIN}.d/5.conf",
        "/usr/share/containers/registries.conf.d/5.conf",
    )
    conf = load(tmp_path)
    assert conf.files_read == (MAIN, f"{USER}.d/5.conf")
    assert "same name" in why(conf, f"{MAIN}.d/5.conf")
    assert load(tmp_path, "5").files_read == (MAIN, f"{MAIN}.d/5.conf", f"{USER}.d/5.conf")


@pytest.mark.parametrize(("podman", "system_dropin_read"), [("6", True), ("5", False), ("4", False)])
def test_a_user_file_hides_the_system_file(tmp_path: Path, podman: str, system_dropin_read: bool) -> None:
    make(tmp_path, MAIN, USER, f"{MAIN}.d/5.conf", f"{USER}.d/6.conf")
    conf = load(tmp_path, podman)
    assert conf.files_read[0] == USER == conf.main_file
    assert "not merged" in why(conf, MAIN)
    assert (f"{MAIN}.d/5.conf" in conf.files_read) is system_dropin_read
    assert system_dropin_read or "hides" in why(conf, f"{MAIN}.d/5.conf")
    assert conf.files_read[-1] == f"{USER}.d/6.conf"


def test_a_variable_names_the_file(tmp_path: Path) -> None:
    make(tmp_path, MAIN, f"{MAIN}.d/5.conf", "/x/a.conf", "/x/b.conf", "/x/over.conf")
    both = {"CONTAINERS_REGISTRIES_CONF": "/x/a.conf", "REGISTRIES_CONFIG_PATH": "/x/b.conf"}
    over = {"CONTAINERS_REGISTRIES_CONF_OVERRIDE": "/x/over.conf"}
    six = load(tmp_path, **both, **over)
    assert six.files_read == ("/x/a.conf", "/x/over.conf")
    assert "drop-ins off" in why(six, f"{MAIN}.d/5.conf")
    assert "another file" in why(six, MAIN)
    five = load(tmp_path, "5", **both, **over)
    assert five.files_read == ("/x/a.conf", f"{MAIN}.d/5.conf")
    assert "_OVERRIDE" in why(five, "/x/over.conf")
    assert load(tmp_path, "4", REGISTRIES_CONFIG_PATH="/x/b.conf").files_read[0] == "/x/b.conf"
    assert load(tmp_path, "6", REGISTRIES_CONFIG_PATH="/x/b.conf").files_read[0] == MAIN
    # the first that is set decides, even if it is empty
    assert load(tmp_path, "5", **(both | {"CONTAINERS_REGISTRIES_CONF": ""})).files_read[0] == MAIN


@pytest.mark.parametrize("variable", ["CONTAINERS_REGISTRIES_CONF", "CONTAINERS_REGISTRIES_CONF_OVERRIDE"])
def test_a_variable_that_names_nothing_is_an_error(tmp_path: Path, variable: str) -> None:
    with pytest.raises(RegtoolsError) as caught:
        load(tmp_path, **{variable: "/x/none.conf"})
    assert (caught.value.kind, caught.value.file) == ("file-missing", "/x/none.conf")
    assert variable in (caught.value.hint or "")


def test_misnamed_and_neighbouring_files_are_named(tmp_path: Path) -> None:
    vain = {
        "/etc/containers/registries.conf.bak": "only the name",
        "/etc/containers/registries.config": "only the name",
        f"{MAIN}.d/x.conf.bak": "end in .conf",
        f"{MAIN}.d/y.CONF": "end in .conf",
        "/usr/share/containers/registries.conf": "used instead",
    }
    make(tmp_path, MAIN, *vain, f"{MAIN}.d/sub/z.conf")
    conf = load(tmp_path)
    assert conf.files_read == (MAIN,)
    for path, words in vain.items():
        assert words in why(conf, path)
    assert "not entered" in why(conf, f"{MAIN}.d/sub")
    five = load(tmp_path, "5")
    assert "podman 5 does not look here" in why(five, "/usr/share/containers/registries.conf")


def test_with_a_path_only_what_is_named_is_read(tmp_path: Path) -> None:
    make(tmp_path, "r.conf", "r.conf.d/1.conf", "d/2.conf", "registries.toml")
    conf = RegistriesConf.load(tmp_path / "r.conf", environ={"CONTAINERS_REGISTRIES_CONF_OVERRIDE": "/none"})
    assert conf.files_read == (str(tmp_path / "r.conf"),)
    assert "only the files named" in why(conf, str(tmp_path / "r.conf.d/1.conf"))
    assert str(tmp_path / "registries.toml") in dict(conf.files_ignored)
    assert conf.alias_file is None
    conf = RegistriesConf.load(tmp_path / "r.conf", dropins=tmp_path / "d")
    assert conf.files_read[1:] == (str(tmp_path / "d/2.conf"),)
    missing = RegistriesConf.load(tmp_path / "r.conf", dropins=tmp_path / "none")
    assert "no such directory" in why(missing, str(tmp_path / "none"))


def test_named_drop_ins_replace_all_others(tmp_path: Path) -> None:
    make(tmp_path, MAIN, f"{MAIN}.d/5.conf", "over.conf", "d/2.conf")
    override = {"CONTAINERS_REGISTRIES_CONF_OVERRIDE": "/over.conf"}
    conf = RegistriesConf.load(dropins=tmp_path / "d", root=tmp_path, environ=HOME | override, uid=0)
    assert conf.files_read == (MAIN, str(tmp_path / "d/2.conf"))


def test_links(tmp_path: Path) -> None:
    make(tmp_path, MAIN, "/shared/d/1.conf", "/shared/one.conf")
    dropins = tmp_path / f"{MAIN}.d".lstrip("/")
    dropins.symlink_to("/shared/d")  # absolute: inside the root, wherever that is
    assert load(tmp_path).files_read == (MAIN, f"{MAIN}.d/1.conf")
    assert load(tmp_path, "5").files_read == (MAIN,)
    assert "linked" in why(load(tmp_path, "5"), f"{MAIN}.d")
    assert "linked" in {ignored.code for ignored in load(tmp_path, "5").files_ignored}
    dropins.unlink()
    dropins.mkdir()
    (dropins / "2.conf").symlink_to("../../../shared/one.conf")
    assert load(tmp_path, "4").files_read == (MAIN, f"{MAIN}.d/2.conf")
    (dropins / "3.conf").symlink_to("/nowhere")
    for podman in ("5", "6"):
        assert "does not exist" in why(load(tmp_path, podman), f"{MAIN}.d/3.conf")
    with pytest.raises(RegtoolsError) as caught:
        load(tmp_path, "4")
    assert (caught.value.kind, caught.value.file) == ("file-missing", f"{MAIN}.d/3.conf")


def test_links_never_leave_the_root(tmp_path: Path) -> None:
    outside = tmp_path / "outside.conf"
    outside.write_text('unqualified-search-registries = ["outside.test"]')
    root = tmp_path / "root"
    make(root, "/etc/containers/.keep")
    (root / MAIN.lstrip("/")).symlink_to("../../../../outside.conf")
    assert load(root).files_read == ()


def test_circular_links_are_unreadable(tmp_path: Path) -> None:
    make(tmp_path, "/etc/containers/.keep")
    (tmp_path / "etc/containers/loop").symlink_to("loop")
    with pytest.raises(RegtoolsError) as caught:
        load(tmp_path, CONTAINERS_REGISTRIES_CONF="/etc/containers/loop")
    assert caught.value.kind == "file-unreadable"


def test_home_comes_from_the_user_database_where_the_variable_is_missing(tmp_path: Path) -> None:
    make(
        tmp_path,
        "/etc/passwd",
        text="root:x:0:0::/srv/root:/bin/sh\nbad line\nu:x:1000:1000::/srv/u:/bin/sh\n",
    )
    make(tmp_path, "/srv/u/.config/containers/registries.conf")
    for environ in ({}, {"HOME": ""}):
        conf = RegistriesConf.load(root=tmp_path, environ=environ, uid=1000)
        assert conf.files_read == ("/srv/u/.config/containers/registries.conf",)
    assert RegistriesConf.load(root=tmp_path, environ={}, uid=5).files_read == ()


def test_xdg_config_home(tmp_path: Path) -> None:
    make(tmp_path, USER, "/xdg/containers/registries.conf", "/xdg/containers/registries.conf.d/1.conf")
    conf = load(tmp_path, XDG_CONFIG_HOME="/xdg")
    assert conf.files_read == ("/xdg/containers/registries.conf", "/xdg/containers/registries.conf.d/1.conf")
    assert USER in dict(conf.files_ignored)
    assert load(tmp_path, "5", XDG_CONFIG_HOME="/xdg").files_read == (USER,)


def test_the_file_of_remembered_answers(tmp_path: Path) -> None:
    aliases = '[aliases]\n"app" = "r.test/app"\n'
    make(tmp_path, "/var/cache/containers/short-name-aliases.conf", text=aliases)
    assert load(tmp_path, uid=0).remembered == {"app": "r.test/app"}
    conf = load(tmp_path, uid=1000)
    assert conf.remembered == {}
    assert conf.alias_file == "/home/u/.cache/containers/short-name-aliases.conf"
    make(tmp_path, "/c/containers/short-name-aliases.conf", text=aliases)
    assert load(tmp_path, uid=1000, XDG_CACHE_HOME="/c").resolve("app:1").candidates[0].name == "r.test/app:1"


def test_toml_1_1_by_variable(tmp_path: Path) -> None:
    make(tmp_path, MAIN, text="registry = [{location = 'a.test',}]\n")
    assert load(tmp_path, "5", BURNTSUSHI_TOML_110="").prefixes == {"a.test"}
    for podman, variables in (("5", {}), ("4", {"BURNTSUSHI_TOML_110": "1"})):
        with pytest.raises(RegtoolsError):
            load(tmp_path, podman, **variables)


def test_the_look_up_of_this_machine_works() -> None:
    RegistriesConf.load(environ=dict(os.environ))
