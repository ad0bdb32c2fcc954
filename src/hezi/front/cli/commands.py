"""Every command of docker, and hezi's own: built, another spelling of a built one, or refused by name."""

from __future__ import annotations

# path -> (module below hezi.front.cli.verbs, heading in the help, one line)
BUILT = {
    "run": ("run", "Common Commands", "Run a program in a new container"),
    "ps": ("ps", "Common Commands", "List containers"),
    "pull": ("pull", "Common Commands", "Get an image from a registry"),
    "push": ("push", "Common Commands", "Bring an image into a registry"),
    "images": ("images", "Common Commands", "List images"),
    "rmi": ("rmi", "Common Commands", "Remove one or more images"),
    "version": ("version", "Common Commands", "Show the versions of hezi, Python and the kernel"),
    "info": ("info", "Common Commands", "Show what the machine offers and what hezi uses"),
    "commit": ("commit", "Commands", "Make an image from what a container has changed"),
    "cp": ("cp", "Commands", "Copy files between a container and the host"),
    "create": ("create", "Commands", "Make a container without starting it"),
    "inspect": ("inspect", "Commands", "Show all about containers, images, networks and volumes"),
    "port": ("port", "Commands", "List the published ports of a container"),
    "rename": ("rename", "Commands", "Rename a container"),
    "rm": ("rm", "Commands", "Remove one or more containers"),
    "diff": ("diff", "Commands", "Show what a container has changed in its files"),
    "export": ("export", "Commands", "Write a container's file system as a tar archive"),
    "import": ("import_", "Commands", "Make an image from the archive of a root directory"),
    "load": ("load", "Commands", "Get images from an archive"),
    "login": ("login", "Common Commands", "Log in to a registry"),
    "logout": ("logout", "Common Commands", "Log out from a registry"),
    "search": ("search", "Common Commands", "Search a registry for images"),
    "manifest annotate": ("manifest_annotate", "", "Say what a manifest of a list is for"),
    "manifest create": ("manifest_create", "", "Make a list of manifests, to be pushed as one name"),
    "manifest push": ("manifest_push", "", "Push a list of manifests"),
    "manifest rm": ("manifest_rm", "", "Remove lists of manifests that were made here"),
    "manifest inspect": ("manifest_inspect", "", "Show a manifest as a registry has it"),
    "save": ("save", "Commands", "Write images as an archive that docker, podman and skopeo load"),
    "logs": ("logs", "Commands", "Show what a container wrote"),
    "history": ("history", "Commands", "Show how an image was made, newest step first"),
    "tag": ("tag", "Commands", "Give an image one more name"),
    "lssubsys": ("lssubsys", "Commands", "List the controllers of each hierarchy of control groups"),
    "lscgroup": ("lscgroup", "Commands", "List control groups"),
    "start": ("start", "Commands", "Start containers that were made or stopped"),
    "stop": ("stop", "Commands", "Stop one or more containers"),
    "restart": ("restart", "Commands", "Restart one or more containers"),
    "kill": ("kill", "Commands", "Send a signal to one or more containers"),
    "pause": ("pause", "Commands", "Freeze all processes of one or more containers"),
    "unpause": ("unpause", "Commands", "Let the processes of paused containers go on"),
    "wait": ("wait", "Commands", "Wait until containers end, and print their exit codes"),
    "attach": ("attach", "Commands", "Attach this terminal to a container that runs"),
    "exec": ("exec", "Commands", "Run a program in a container that runs"),
    "update": ("update", "Commands", "Change limits and the restart policy of containers"),
    "top": ("top", "Commands", "List the processes of a container"),
    "stats": ("stats", "Commands", "Show what containers use"),
    "why": ("why", "Commands", "Say why a container ended, or how it is"),
    "events": ("events", "Commands", "Show what happens, and what has happened"),
    "completion": ("completion", "Commands", "Print the completion script for a shell"),
    "help": ("help", "Commands", "Show help for a command"),
    "container run": ("run", "", "Run a program in a new container"),
    "container commit": ("commit", "", "Make an image from what a container has changed"),
    "container cp": ("cp", "", "Copy files between a container and the host"),
    "container create": ("create", "", "Make a container without starting it"),
    "container inspect": ("container_inspect", "", "Show all about containers"),
    "container ls": ("ps", "", "List containers"),
    "container port": ("port", "", "List the published ports of a container"),
    "container prune": ("container_prune", "", "Remove all containers that do not run"),
    "container rename": ("rename", "", "Rename a container"),
    "container rm": ("rm", "", "Remove one or more containers"),
    "container diff": ("diff", "", "Show what a container has changed in its files"),
    "container export": ("export", "", "Write a container's file system as a tar archive"),
    "container logs": ("logs", "", "Show what a container wrote"),
    "container start": ("start", "", "Start containers that were made or stopped"),
    "container stop": ("stop", "", "Stop one or more containers"),
    "container restart": ("restart", "", "Restart one or more containers"),
    "container kill": ("kill", "", "Send a signal to one or more containers"),
    "container pause": ("pause", "", "Freeze all processes of one or more containers"),
    "container unpause": ("unpause", "", "Let the processes of paused containers go on"),
    "container wait": ("wait", "", "Wait until containers end, and print their exit codes"),
    "container attach": ("attach", "", "Attach this terminal to a container that runs"),
    "container update": ("update", "", "Change limits and the restart policy of containers"),
    "container top": ("top", "", "List the processes of a container"),
    "container stats": ("stats", "", "Show what containers use"),
    "container why": ("why", "", "Say why a container ended, or how it is"),
    "container exec": ("exec", "", "Run a program in a container that runs"),
    "image pull": ("pull", "", "Get an image from a registry"),
    "image ls": ("images", "", "List images"),
    "image import": ("import_", "", "Make an image from the archive of a root directory"),
    "image load": ("load", "", "Get images from an archive"),
    "image push": ("push", "", "Bring an image into a registry"),
    "image save": ("save", "", "Write images as an archive that docker, podman and skopeo load"),
    "image rm": ("rmi", "", "Remove one or more images"),
    "image diff": ("image_diff", "", "Show which files one image has otherwise than another"),
    "image tree": ("image_tree", "", "Show the layers of images as they stand on each other, and who shares them"),
    "image history": ("history", "", "Show how an image was made, newest step first"),
    "image inspect": ("image_inspect", "", "Show all about images"),
    "image prune": ("image_prune", "", "Remove images that nobody needs"),
    "image tag": ("tag", "", "Give an image one more name"),
    "network connect": ("network_connect", "", "Connect a container to a network"),
    "network disconnect": ("network_disconnect", "", "Disconnect a container from a network"),
    "network create": ("network_create", "", "Make a network"),
    "network inspect": ("network_inspect", "", "Show all about networks"),
    "network ls": ("network_ls", "", "List networks"),
    "network prune": ("network_prune", "", "Remove networks that no container uses"),
    "network rm": ("network_rm", "", "Remove networks"),
    "network update": ("network_update", "", "Change options of a network"),
    "volume create": ("volume_create", "", "Make a volume"),
    "volume inspect": ("volume_inspect", "", "Show all about volumes"),
    "volume ls": ("volume_ls", "", "List volumes"),
    "volume prune": ("volume_prune", "", "Remove volumes that no container has"),
    "volume rm": ("volume_rm", "", "Remove volumes and all that is in them"),
    "cgroup classify": ("cgroup_classify", "", "Move processes into a control group"),
    "cgroup create": ("cgroup_create", "", "Make control groups"),
    "cgroup exec": ("cgroup_exec", "", "Run a program in a control group"),
    "cgroup explain": ("cgroup_explain", "", "Say what limits a control group in the end, and who sets it"),
    "cgroup get": ("cgroup_get", "", "Show values of a control group"),
    "cgroup load": ("cgroup_load", "", "Make control groups from a file"),
    "cgroup ls": ("cgroup_ls", "", "List the hierarchies of control groups"),
    "cgroup mount": ("cgroup_mount", "", "Mount a hierarchy of control groups"),
    "cgroup rm": ("cgroup_rm", "", "Remove control groups"),
    "cgroup set": ("cgroup_set", "", "Set values of a control group"),
    "cgroup snapshot": ("cgroup_snapshot", "", "Print all control groups as a file that can be loaded"),
    "cgroup top": ("cgroup_top", "", "Show what control groups use, live"),
    "cgroup tree": ("cgroup_tree", "", "Draw the control groups"),
    "cgroup unmount": ("cgroup_unmount", "", "Unmount a hierarchy of control groups"),
    "mount explain": ("mount_explain", "", "Say what a path is mounted on and who hears of mounts there"),
    "mount graph": ("mount_graph", "", "Draw which mounts pass on to which, across namespaces"),
    "mount ls": ("mount_ls", "", "List mounts and their propagation"),
    "mount make": ("mount_make", "", "Change what a mount passes on, bind it or move it"),
    "mount tree": ("mount_tree", "", "Draw the mounts of a namespace with their peer groups"),
    "ns diff": ("ns_diff", "", "Compare the namespaces of two containers or processes"),
    "ns enter": ("ns_enter", "", "Run a program in the namespaces of another"),
    "ns keep": ("ns_keep", "", "Keep namespaces alive by files, without processes"),
    "ns ls": ("ns_ls", "", "List namespaces, or the processes of one"),
    "ns release": ("ns_release", "", "Let go of namespaces that are kept by files"),
    "ns run": ("ns_run", "", "Run a program in new namespaces"),
    "ns show": ("ns_show", "", "Show the faces of a container or process"),
    "ns tree": ("ns_tree", "", "Draw the hierarchies of PID and user namespaces"),
    "system events": ("events", "", "Show what happens, and what has happened"),
    "system start": ("system_start", "", "Start the containers whose restart policy wants it, after a boot"),
    "system check": ("system_check", "", "Verify every blob, layer and row of the store, and repair it"),
    "system df": ("system_df", "", "Show what images, containers and volumes take on the disk"),
    "system prune": ("system_prune", "", "Remove all that nobody needs"),
    "system info": ("info", "", "Show what the machine offers and what hezi uses"),
}

# Other spellings, as docker resolves them before it prints anything.
SPELLINGS = {
    "image list": "image ls",
    "image remove": "image rm",
    "container list": "container ls",
    "container ps": "container ls",
    "container remove": "container rm",
    "network list": "network ls",
    "network remove": "network rm",
    "volume list": "volume ls",
    "volume remove": "volume rm",
}

# group -> one line
GROUPS = {
    "cgroup": "Look at control groups and change them, on v1, v2 and hybrid hosts",
    "container": "Manage containers",
    "image": "Manage images",
    "system": "Manage hezi",
    "builder": "Manage builds",
    "checkpoint": "Manage checkpoints",
    "config": "Manage Swarm configs",
    "context": "Manage contexts",
    "manifest": "Manage image manifests",
    "mount": "Look at mounts and what they pass on",
    "network": "Manage networks",
    "ns": "Look at namespaces, make and join them",
    "node": "Manage Swarm nodes",
    "plugin": "Manage plugins",
    "secret": "Manage Swarm secrets",
    "service": "Manage Swarm services",
    "stack": "Manage Swarm stacks",
    "swarm": "Manage Swarm",
    "trust": "Manage trust on images",
    "trust key": "Manage signing keys",
    "trust signer": "Manage signers",
    "volume": "Manage volumes",
}

CONTAINERS = "it comes with containers that outlive the command (create, start, ps, logs, exec), the next part"
BUILDS = "it comes with the build part"
NO_SWARM = "hezi has no swarm mode and manages one machine"
NO_DAEMON = "hezi has no daemon, so there is nothing to choose or connect to"
NO_PLUGINS = "hezi has no plugins"
NO_TRUST = "hezi does no Notary signing; images are verified by digest"

# reason -> {group: names}; the group "" holds the names without one
PLANNED = {
    BUILDS: {"": "build", "image": "build", "builder": "build prune"},
}
REFUSED = {
    NO_SWARM: {
        "volume": "update",
        "config": "create inspect ls list rm remove",
        "node": "demote inspect ls list promote ps rm remove update",
        "secret": "create inspect ls list rm remove",
        "service": "create inspect logs ls list ps rm remove rollback scale update",
        "stack": "config deploy up ls list ps rm remove down services",
        "swarm": "ca init join join-token leave unlock unlock-key update",
    },
    NO_DAEMON: {"context": "create export import inspect ls list rm remove show update use", "system": "dial-stdio"},
    NO_PLUGINS: {"plugin": "create disable enable inspect install ls list push rm remove set upgrade"},
    NO_TRUST: {
        "trust": "inspect revoke sign",
        "trust key": "generate load",
        "trust signer": "add remove",
    },
    "hezi has no checkpoints": {"checkpoint": "create ls list rm remove"},
}


def names_in(group: str) -> tuple[str, ...]:
    """Return the names of the built commands of a group ("" for those without one), sorted."""
    prefix = f"{group} " if group else ""
    found = (path[len(prefix) :] for path in BUILT if path.startswith(prefix))
    return tuple(sorted(name for name in found if " " not in name))


def planned_in(group: str) -> tuple[str, ...]:
    """Return the names of the commands of a group that are to be built, sorted."""
    return tuple(sorted(name for groups in PLANNED.values() for name in groups.get(group, "").split()))


def refusal(path: str) -> str | None:
    """Return why a command of docker is refused, as two parts of a message; None when it is no command of docker."""
    group, _, name = path.rpartition(" ")
    for reason, groups in PLANNED.items():
        if name in groups.get(group, "").split():
            return f"'{path}' is not built yet: {reason}"
    for reason, groups in REFUSED.items():
        if name in groups.get(group, "").split():
            return f"'{path}' is refused: {reason}"
    return None


def group_refusal(path: str) -> str | None:
    """Return why a group is refused when nothing of it is built; None when something is, or there is no such group."""
    if path not in GROUPS or names_in(path):
        return None
    for reasons, text in ((PLANNED, "is not built yet"), (REFUSED, "is refused")):
        for reason, groups in reasons.items():
            if any(group == path or group.startswith(path + " ") for group in groups):
                return f"'{path}' {text}: {reason}"
    return None


def find(words: list[str]) -> tuple[str, list[str]]:
    """Split a command line into the longest path that is a command or group, and the rest.

    The first word is always taken, known or not.
    """
    path, count = words[0], 1
    while path in GROUPS and count < len(words):
        longer = f"{path} {words[count]}"
        longer = SPELLINGS.get(longer, longer)
        if longer not in BUILT and longer not in GROUPS and refusal(longer) is None:
            break
        path, count = longer, count + 1
    return path, words[count:]
