"""Debian's nginx as a front, with the configuration of infra/nginx."""

from collections.abc import Sequence
from pathlib import Path

from debian import BOOKWORM, Debian
from prosody import fill
from satchel import clean_environment
from server import HOST, REPOSITORY, Server, accepts_connections, free_port

FOLDER = REPOSITORY / "infra/nginx"
SNIPPET = "status-201.lua.conf"
LUA_MODULES = ("ndk_http_module.so", "ngx_http_lua_module.so")
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")

MAIN = """
{modules}
daemon off;
user root;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ }}
http {{
	include /etc/nginx/mime.types;
	{temporary}
	include {folder}/satchel.conf;
}}
"""


class DebiansNginx(Server):
    """nginx with a file of infra/nginx, without TLS; what else is to be filled in comes with `configure`."""

    def __init__(self, folder: Path, debian: Debian, port: int | None = None):
        super().__init__(debian.folder(folder))
        self.debian = debian
        self.port = port or free_port()
        self.temporary = [self.folder / f"{name}_temp" for name in TEMPORARY]

    def configure(self, file: str, values: dict[str, str], modules: Sequence[str] = ()):
        """Writes what an admin copies, with the placeholders filled in."""
        certificate = "/etc/letsencrypt/live/files.example.com"
        plain = {
            "listen 443 ssl;": f"listen {HOST}:{self.port};",
            "listen [::]:443 ssl;": "",
            f"ssl_certificate {certificate}/fullchain.pem;": "",
            f"ssl_certificate_key {certificate}/privkey.pem;": "",
            "files.example.com": HOST,
        }
        temporary = "\n\t".join(f"{path.name}_path {path};" for path in self.temporary)
        main = MAIN.format(folder=self.folder, modules="\n".join(modules), temporary=temporary)
        (self.folder / "nginx.conf").write_text(main)
        (self.folder / "satchel.conf").write_text(fill((FOLDER / file).read_text(), plain | values))

    def command(self) -> list[str]:
        configuration = str(self.folder / "nginx.conf")
        return self.debian.command("/usr/sbin/nginx", "-p", str(self.folder), "-e", "stderr", "-c", configuration)

    def environment(self) -> dict[str, str]:
        return clean_environment()

    def is_ready(self) -> bool:
        return accepts_connections(self.port)


class Nginx(DebiansNginx):
    """`port` comes from outside where the stack must know it first; `lua` adds what turns 200 into 201."""

    name = "nginx"

    def __init__(self, folder: Path, api: str, port: int | None = None, lua: bool = False, debian: Debian = BOOKWORM):
        super().__init__(folder, debian, port)
        folder = self.folder
        self.base_url = f"http://{HOST}:{self.port}/upload"
        self.access_log = folder / "access.log"
        self.error_log = folder / "error.log"
        values = {
            "https://API-ID.execute-api.eu-central-1.amazonaws.com/Prod": api,
            "/var/log/nginx/satchel.log": str(self.access_log),
            "/var/log/nginx/satchel-error.log": str(self.error_log),
        }
        if lua:
            (self.folder / SNIPPET).write_text((FOLDER / SNIPPET).read_text())
            values[f"# include snippets/{SNIPPET};"] = f"include {self.folder}/{SNIPPET};"
        modules = [f"load_module /usr/lib/nginx/modules/{name};" for name in LUA_MODULES if lua]
        self.configure("satchel.conf", values, modules)

    def buffered(self) -> list[Path]:
        """Every file there is in the folders for what does not fit into memory."""
        return [path for folder in self.temporary for path in folder.rglob("*") if path.is_file()]

    def logs(self) -> str:
        return "".join(path.read_text() for path in (self.access_log, self.error_log, self.log))
