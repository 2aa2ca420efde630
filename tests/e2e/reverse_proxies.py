"""Debian's nginx and Apache before the stack, with the configurations of infra/nginx and infra/apache."""

import grp
import os
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path

import aiohttp

import tokens
from nginx import MAIN, TEMPORARY
from prosody import fill
from satchel import SECRET, Satchel, clean_environment
from server import HOST, REPOSITORY, Server, accepts_connections, free_port

FILES, S3 = "files.example.com", "s3.example.com"
PUBLISHED = "/etc/letsencrypt/live/files.example.com"
GROUP = "www-data"
CLIENT = "127.0.0.2"
"""The address that clients have: not the proxies', which connect from 127.0.0.1."""
SLOT_SECRET = "the-secret-of-slots"
ROSTER_CALLER = ("app", "the-password-of-rosters")
PARTS_OF_SECRETS = ("X-Amz", "Signature", "v=", "v2=", "Bearer", "eyJ", SLOT_SECRET, ROSTER_CALLER[1])


class SocketSatchel(Satchel):
    """The stack on a Unix socket (where `socket_folder` is one), behind a proxy at `proxy_port`."""

    def __init__(self, folder: Path, proxy_port: int, socket_folder: Path | None, trusted: str, s3: bool = False):
        super().__init__(folder, s3=s3)
        self.socket = socket_folder and socket_folder / "gateway.sock"
        self.base_url = f"https://{FILES}:{proxy_port}/upload"
        self.settings = {
            "SATCHEL_UPLOAD_SECRETS": SECRET,
            "SATCHEL_PUBLIC_URL": self.base_url,
            "SATCHEL_TRUSTED_PROXIES": trusted,
            "SATCHEL_SLOT_CREDENTIALS": SLOT_SECRET,
            "SATCHEL_ROSTER_CREDENTIALS": ":".join(ROSTER_CALLER),
        }
        if s3:
            self.settings["SATCHEL_S3_PUBLIC_URL"] = f"https://{S3}:{proxy_port}"

    def command(self) -> list[str]:
        command = super().command()
        if self.socket is None:
            return command
        command[command.index("--listen") + 1] = f"unix:{self.socket}"
        # As the unit has it: the socket's group is the proxy's. Only root may choose a group.
        return [*(["setpriv", f"--regid={GROUP}", "--clear-groups"] if os.getuid() == 0 else []), *command]

    def is_ready(self) -> bool:
        return accepts_connections(self.port) if self.socket is None else takes(self.socket)


def takes(path: Path) -> bool:
    """Whether somebody listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def folder_for_sockets() -> tempfile.TemporaryDirectory:
    """A folder that the proxies' workers reach, too: pytest's own are for root alone."""
    folder = tempfile.TemporaryDirectory(prefix="satchel-")
    if os.getuid() == 0:
        os.chown(folder.name, 0, grp.getgrnam(GROUP).gr_gid)
        os.chmod(folder.name, 0o750)
    return folder


class Certificate:
    """A certificate of both server names, signed by itself."""

    def __init__(self, folder: Path):
        self.chain, self.key = folder / "fullchain.pem", folder / "privkey.pem"
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=satchel"]
        names = ["-addext", f"subjectAltName=DNS:{FILES},DNS:{S3}"]
        files = ["-out", str(self.chain), "-keyout", str(self.key)]
        subprocess.run(["openssl", "req", "-x509", *kind, *names, *files], check=True, capture_output=True)

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.chain)


class ReverseProxy(Server):
    """`port` has the server name, and S3's where the stack has one; `stack` is reached over its socket or port."""

    source: Path
    source_of_s3: Path

    def __init__(self, folder: Path, port: int, certificate: Certificate, stack: SocketSatchel):
        super().__init__(folder)
        self.port = port
        self.access_log, self.error_log = folder / "satchel.log", folder / "satchel-error.log"
        values = {
            f"{PUBLISHED}/fullchain.pem": str(certificate.chain),
            f"{PUBLISHED}/privkey.pem": str(certificate.key),
        }
        configuration = fill(self.source.read_text(), values | self.values(stack))
        if stack.s3_port:
            of_s3 = values | self.listening() | {"127.0.0.1:9000": f"{HOST}:{stack.s3_port}"}
            configuration += fill(self.source_of_s3.read_text(), of_s3)
        (folder / "satchel.conf").write_text(configuration)

    def listening(self) -> dict[str, str]:
        raise NotImplementedError

    def values(self, stack: SocketSatchel) -> dict[str, str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return clean_environment()

    def is_ready(self) -> bool:
        return accepts_connections(self.port)

    def logs(self) -> str:
        return "".join(path.read_text() for path in (self.access_log, self.error_log, self.log))


class NginxProxy(ReverseProxy):
    name = "nginx-proxy"
    source = REPOSITORY / "infra/nginx/proxy.conf"
    source_of_s3 = REPOSITORY / "infra/nginx/s3.conf"

    def __init__(self, folder: Path, *rest):
        super().__init__(folder, *rest)
        temporary = "\n\t".join(f"{name}_temp_path {folder}/{name}_temp;" for name in TEMPORARY)
        main = MAIN.format(folder=folder, modules="", temporary=temporary).replace("user root;", f"user {GROUP};")
        (folder / "nginx.conf").write_text(main)

    def values(self, stack: SocketSatchel) -> dict[str, str]:
        gateway = f"{HOST}:{stack.port}" if stack.socket is None else f"unix:{stack.socket}"
        return {"unix:/run/satchel/gateway.sock": gateway} | self.listening()

    def listening(self) -> dict[str, str]:
        return {
            "listen 443 ssl;": f"listen {HOST}:{self.port} ssl;",
            "listen [::]:443 ssl;": "",
            "/var/log/nginx/": f"{self.folder}/",
        }

    def command(self) -> list[str]:
        return ["/usr/sbin/nginx", "-p", str(self.folder), "-e", "stderr", "-c", str(self.folder / "nginx.conf")]


class ApacheProxy(ReverseProxy):
    """Debian's modules and their settings as installed, and those that infra/apache/satchel.conf asks for."""

    name = "apache-proxy"
    source = REPOSITORY / "infra/apache/satchel.conf"

    def __init__(self, folder: Path, *rest):
        super().__init__(folder, *rest)
        modules = Path("/etc/apache2/mods-available")
        asked = [modules / f"{name}.load" for name in ("socache_shmcb", "ssl", "proxy", "proxy_http", "headers")]
        asked.append(modules / "ssl.conf")
        main = [
            f"ServerRoot {folder}\nDefaultRuntimeDir {folder}\nPidFile {folder}/apache.pid\nServerName localhost",
            f"User {GROUP}\nGroup {GROUP}\nErrorLog {folder}/error.log\nTimeout 300",
            "Include /etc/apache2/mods-enabled/*.load",
            *(f"Include {path}" for path in asked if not Path("/etc/apache2/mods-enabled", path.name).exists()),
            "Include /etc/apache2/mods-enabled/*.conf",
            f"Listen {HOST}:{self.port}",
            f"Include {folder}/satchel.conf",
        ]
        (folder / "apache2.conf").write_text("\n".join([*main, ""]))

    def values(self, stack: SocketSatchel) -> dict[str, str]:
        gateway = f"http://{HOST}:{stack.port}" if stack.socket is None else f"unix:{stack.socket}|http://satchel"
        return {"unix:/run/satchel/gateway.sock|http://satchel": gateway, "*:443": f"{HOST}:{self.port}"}

    def command(self) -> list[str]:
        return ["/usr/sbin/apache2", "-DFOREGROUND", "-f", str(self.folder / "apache2.conf")]

    def environment(self) -> dict[str, str]:
        return clean_environment() | {"APACHE_LOG_DIR": str(self.folder), "APACHE_RUN_DIR": str(self.folder)}

    def logs(self) -> str:
        return super().logs() + (self.folder / "error.log").read_text()


class AtHome(aiohttp.abc.AbstractResolver):
    """Both server names are this machine's."""

    async def resolve(self, host, port=0, family=socket.AF_INET):
        assert host in (FILES, S3)
        return [{"hostname": host, "host": HOST, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}]

    async def close(self):
        pass


class Site:
    """A stack, the proxy before it, and how a client reaches both."""

    def __init__(self, folder: Path, proxy, over: str, s3: bool = False):
        self.sockets = folder_for_sockets()
        port, self.certificate = free_port(), Certificate(folder)
        socket_folder = Path(self.sockets.name) if over == "unix" else None
        self.stack = SocketSatchel(folder / "satchel", port, socket_folder, "unix" if over == "unix" else HOST, s3)
        self.proxy = proxy(folder / "proxy", port, self.certificate, self.stack)

    def __enter__(self):
        self.stack.start()
        try:
            self.proxy.start()
        except BaseException:
            self.stack.stop()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.proxy.stop()
        finally:
            self.stack.stop()
        self.sockets.cleanup()

    def signed(self, path: str, size: int) -> str:
        return self.stack.url(path, tokens.v1(SECRET, path, size))

    def connect(self, host: str = FILES) -> socket.socket:
        connection = socket.create_connection((HOST, self.proxy.port), 60, source_address=(CLIENT, 0))
        return self.certificate.context().wrap_socket(connection, server_hostname=host)

    def client(self) -> aiohttp.ClientSession:
        context, address = self.certificate.context(), (CLIENT, 0)
        connector = aiohttp.TCPConnector(resolver=AtHome(), ssl=context, local_addr=address, force_close=True)
        return aiohttp.ClientSession(connector=connector, skip_auto_headers={"Content-Type"})

    def secrets_in_logs(self) -> list[str]:
        logs = self.proxy.logs()
        return [part for part in PARTS_OF_SECRETS if part in logs]
