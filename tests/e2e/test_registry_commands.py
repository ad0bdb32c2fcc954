"""login, logout, search, manifest inspect, referrers and mirrors, as commands, against real registries."""

from __future__ import annotations

import base64
import json
import os
import pty
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support import registry
from tests.support.harness import Hezi
from tests.support.registry import PASSWORD, USER

pytestmark = pytest.mark.needs("root", "overlay", "docker-registry", "skopeo", "busybox")
AUTH = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def config(hezi: Hezi) -> Path:
    return hezi.home / ".docker/config.json"


def read(hezi: Hezi) -> dict[str, object]:
    return json.loads(config(hezi).read_text())  # type: ignore[no-any-return]


@pytest.fixture
def helper(hezi_env, tmp_path):
    """A credential helper that keeps things in a file and writes down what it was asked; the environment for it."""
    directory = tmp_path / "helper"
    directory.mkdir()
    program = directory / "docker-credential-file"
    program.write_text(
        f'#!/bin/sh\ncd {directory}\necho "$1" >> asked\n'
        'case "$1" in\n'
        "store) cat > kept;;\n"
        "get) test -s kept || { echo credentials not found in native keychain; exit 1; }; cat kept;;\n"
        "erase) rm -f kept;;\n"
        "esac\n"
    )
    program.chmod(0o755)
    (directory / "docker-credential-broken").write_text("#!/bin/sh\ncat; echo SECRET-of-the-helper >&2; exit 7\n")
    (directory / "docker-credential-broken").chmod(0o755)
    config(hezi_env).parent.mkdir(exist_ok=True)
    return {"PATH": f"{directory}:{os.environ['PATH']}", "HEZI_DEBUG": "1"}


class TestLogin:
    def login(self, hezi: Hezi, host: str, password: str = PASSWORD, **options: object):
        words = ["login", "-u", USER, "--password-stdin", host]
        return hezi.run(*words, input=f"{password}\n", **options)  # type: ignore[arg-type]

    def test_pull_and_push_work_then_and_not_after_logout(self, hezi_env, auth_registry, busybox_layout):
        name = registry.push(busybox_layout, "latest", auth_registry, "commands/private:1")
        assert hezi_env.run("pull", "-q", name).code == 1
        done = self.login(hezi_env, auth_registry.host, check=True)
        assert done.stdout == "Login Succeeded\n"
        assert f"Your credentials are stored unencrypted in '{config(hezi_env)}'" in done.stderr
        assert read(hezi_env) == {"auths": {auth_registry.host: {"auth": AUTH}}}
        assert stat.S_IMODE(config(hezi_env).stat().st_mode) == 0o600
        hezi_env.run("pull", "-q", name, check=True)
        hezi_env.run("tag", name, f"{auth_registry.host}/commands/copy:1", check=True)
        hezi_env.run("push", "-q", f"{auth_registry.host}/commands/copy:1", check=True)
        again = hezi_env.run("login", auth_registry.host, check=True)
        assert f"Authenticating with existing credentials... [Username: {USER}]" in again.stderr
        done = hezi_env.run("logout", f"https://{auth_registry.host}/v2/", check=True)
        assert done.stdout == f"Removing login credentials for {auth_registry.host}\n"
        assert read(hezi_env) == {"auths": {}}
        assert hezi_env.run("pull", "-q", name).code == 1
        hezi_env.run("logout", auth_registry.host, check=True)

    def test_a_wrong_password_is_not_kept_and_not_shown(self, hezi_env, auth_registry):
        done = self.login(hezi_env, auth_registry.host, "wrong-SECRET", env={"HEZI_DEBUG": "1"})
        assert done.code == 1
        assert f"login attempt to http://{auth_registry.host}/v2/ failed with status: 401 Unauthorized" in done.stderr
        assert "wrong-SECRET" not in done.stdout + done.stderr
        assert not config(hezi_env).exists()

    def test_the_rest_of_the_file_is_kept_and_a_link_stays_one(self, hezi_env, auth_registry, tmp_path):
        real = tmp_path / "elsewhere.json"
        real.write_text(
            '{"psFormat": "table {{.ID}}", "auths": {"other.example": {"auth": "x"}}, "HttpHeaders": {"A": "ö"}}'
        )
        config(hezi_env).parent.mkdir()
        config(hezi_env).symlink_to(real)
        self.login(hezi_env, auth_registry.host, check=True)
        assert config(hezi_env).is_symlink()
        found = read(hezi_env)
        assert list(found) == ["psFormat", "auths", "HttpHeaders"]
        assert found["HttpHeaders"] == {"A": "ö"}
        assert found["auths"] == {auth_registry.host: {"auth": AUTH}, "other.example": {"auth": "x"}}

    @pytest.mark.needs("docker:28")
    def test_docker_reads_what_is_written(self, hezi_env, auth_registry):
        self.login(hezi_env, auth_registry.host, check=True)
        done = subprocess.run(
            ["skopeo", "login", "--get-login", "--authfile", str(config(hezi_env)), auth_registry.host],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.strip() == USER

    @pytest.mark.parametrize("where", ["credsStore", "credHelpers"])
    def test_a_helper_goes_first(self, hezi_env, auth_registry, helper, busybox_layout, where, tmp_path):
        value = "file" if where == "credsStore" else {auth_registry.host: "file"}
        config(hezi_env).write_text(json.dumps({where: value}))
        name = registry.push(busybox_layout, "latest", auth_registry, "commands/helped:1")
        done = self.login(hezi_env, auth_registry.host, env=helper, check=True)
        assert "unencrypted" not in done.stderr
        assert PASSWORD not in done.stderr
        assert read(hezi_env) == {where: value, "auths": {auth_registry.host: {}}}
        kept = json.loads((tmp_path / "helper/kept").read_text())
        assert kept == {"ServerURL": auth_registry.host, "Username": USER, "Secret": PASSWORD}
        hezi_env.run("pull", "-q", name, env=helper, check=True)
        hezi_env.run("logout", auth_registry.host, env=helper, check=True)
        assert not (tmp_path / "helper/kept").exists()
        assert hezi_env.run("pull", "-q", name, env=helper).code == 1

    def test_a_helper_that_fails_is_told_without_its_words_and_nothing_is_kept_elsewhere(
        self, hezi_env, auth_registry, helper
    ):
        config(hezi_env).write_text('{"credsStore": "broken"}')
        done = self.login(hezi_env, auth_registry.host, env=helper)
        assert done.code == 1
        assert "docker-credential-broken failed with exit code 7" in done.stderr
        assert "hint: see whether it works at all: docker-credential-broken list" in done.stderr
        assert "SECRET-of-the-helper" not in done.stderr
        assert PASSWORD not in done.stderr
        assert read(hezi_env) == {"credsStore": "broken"}
        pulled = hezi_env.run("pull", f"{auth_registry.host}/x", env=helper)
        assert " get" not in pulled.stderr.partition("hint:")[2]
        assert hezi_env.run("logout", auth_registry.host, env=helper).code == 1

    @pytest.mark.parametrize(
        ("words", "text"),
        [
            (["--password-stdin", "h:1"], "the --password-stdin option requires --username to be set"),
            (["-u", "a", "-p", "b", "--password-stdin", "h:1"], "cannot specify both --password and --password-stdin"),
            (["h:1"], "Cannot perform an interactive login from a non TTY device"),
            (["-u", "a", "h:1"], "Cannot perform an interactive login from a non TTY device"),
            (["-u", "a", "--password-stdin", "h:1"], "Cannot perform an interactive login from a non TTY device"),
            (["-u", "a", "-p", "b", "localhost:1"], "cannot connect to localhost:1"),
            (["-u", "a", "-p", "b", "a b"], "invalid registry name"),
            (["-u", "a", "-p", "b", "../x"], "invalid registry name"),
        ],
    )
    def test_refusals(self, hezi_env, words, text):
        done = hezi_env.run("login", *words)
        assert done.code == 1
        assert text in done.stderr
        assert not config(hezi_env).exists()

    def test_on_a_terminal_the_password_is_asked_for_without_echo(self, hezi_env, auth_registry):
        leader, follower = pty.openpty()
        process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *hezi_env.argv("login", auth_registry.host)],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env=hezi_env.env,
        )
        os.close(follower)
        seen = b""
        try:
            for question, answer in ((b"Username: ", USER), (b"Password: ", PASSWORD)):
                while question not in seen:
                    seen += os.read(leader, 1000)
                os.write(leader, answer.encode() + b"\n")
            while b"Login Succeeded" not in seen:
                seen += os.read(leader, 1000)
        finally:
            assert process.wait(30) == 0, seen
            os.close(leader)
        assert PASSWORD.encode() not in seen


class TestAsking:
    def test_search_by_the_catalog(self, hezi_env, registry_server, busybox_image):
        done = hezi_env.run("search", f"{registry_server.host}/busyb", check=True)
        header, *rows = done.stdout.splitlines()
        assert header.split() == ["NAME", "DESCRIPTION", "STARS", "OFFICIAL"]
        assert [row.split()[0] for row in rows] == [busybox_image.rpartition(":")[0]]
        shown = hezi_env.run("search", "--format", "{{.Name}}", f"{registry_server.host}/busyb", check=True).stdout
        assert shown == busybox_image.rpartition(":")[0] + "\n"

    @pytest.mark.parametrize(
        ("words", "text"),
        [
            (["--limit", "101", "x"], "Limit 101 is outside the range of [1, 100]"),
            (["-f", "bogus=1", "x"], "Invalid filter 'bogus'"),
            (["-f", "stars=x", "x"], "Invalid filter 'stars=x'"),
            (["https://x/y"], "cannot contain a schema"),
        ],
    )
    def test_search_refusals(self, hezi_env, words, text):
        done = hezi_env.run("search", *words)
        assert done.code == 1
        assert text in done.stderr

    def test_a_manifest_and_its_raw_bytes(self, hezi_env, registry_server, busybox_image):
        raw = subprocess.run(
            ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{busybox_image}"],
            capture_output=True,
            check=True,
        ).stdout
        shown = hezi_env.run("manifest", "inspect", busybox_image, check=True).stdout
        assert json.loads(shown) == json.loads(raw)
        found = json.loads(hezi_env.run("manifest", "inspect", "-v", busybox_image, check=True).stdout)
        assert base64.b64decode(found["Raw"]) == raw
        assert found["Ref"] == busybox_image
        assert found["Descriptor"]["platform"] == {"architecture": "amd64", "os": "linux"}
        missing = hezi_env.run("manifest", "inspect", f"{registry_server.host}/nosuch")
        assert missing.code == 1
        assert f"no such manifest: {registry_server.host}/nosuch:latest" in missing.stderr

    def test_referrers_are_found_by_the_tag_that_old_registries_need(self, hezi_env, registry_server, busybox_image):
        from hezi.registry.client import RegistryClient
        from hezi.spec import image
        from hezi.spec.digest import Digest

        hezi_env.run("pull", "-q", busybox_image, check=True)
        (row,) = hezi_env.engine().images.list()
        entry = {
            "mediaType": image.OCI_MANIFEST,
            "digest": row.digest,
            "size": 405,
            "artifactType": "application/vnd.example.sbom",
            "annotations": {"made-by": "hand"},
        }
        index = json.dumps({"schemaVersion": 2, "mediaType": image.OCI_INDEX, "manifests": [entry]}).encode()
        with RegistryClient(registry_server.host) as client:
            client.push_manifest("busybox", row.digest.replace(":", "-"), image.OCI_INDEX, index)
        (found,) = hezi_env.engine().images.referrers(busybox_image)
        assert (found.digest, found.artifact_type) == (row.digest, "application/vnd.example.sbom")
        shown = json.loads(hezi_env.run("image", "inspect", "--referrers", busybox_image, check=True).stdout)
        assert shown[0]["Referrers"][0]["Annotations"] == {"made-by": "hand"}
        assert Digest(row.digest)


class TestMirrors:
    def test_an_image_comes_from_the_mirror_under_its_own_name(
        self, hezi_env, registry_server, busybox_image, tmp_path
    ):
        settings = tmp_path / "registries.toml"
        settings.write_text(f'[registry."gone.example"]\nmirrors = ["127.0.0.1:1", "{registry_server.host}"]\n')
        env = {"HEZI_REGISTRIES_CONFIG": str(settings)}
        done = hezi_env.run("pull", "-q", "gone.example/busybox:latest", env=env, check=True)
        assert done.stdout == "gone.example/busybox:latest\n"
        lost = hezi_env.run("pull", "-q", "gone.example/nosuch:latest", env=env)
        assert lost.code == 1
        assert "mirrors were tried before" in lost.stderr
        assert registry_server.host in lost.stderr

    def test_another_location_is_where_pushes_go(self, hezi_env, registry_server, busybox_image, tmp_path):
        settings = tmp_path / "registries.toml"
        settings.write_text(f'[registry."old.example/team"]\nlocation = "{registry_server.host}/moved"\n')
        env = {"HEZI_REGISTRIES_CONFIG": str(settings)}
        hezi_env.run("pull", "-q", busybox_image, check=True)
        hezi_env.run("tag", busybox_image, "old.example/team/app:1", check=True)
        hezi_env.run("push", "old.example/team/app:1", env=env, check=True)
        hezi_env.run("pull", "-q", "old.example/team/app:1", env=env, check=True)
        hezi_env.run("manifest", "inspect", f"{registry_server.host}/moved/app:1", check=True)
