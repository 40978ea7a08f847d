"""Run npm in frontend/ with a Node that is new enough: `npm.py run typecheck`."""

import subprocess
import sys

import prepare

if __name__ == "__main__":
    prepare.use_new_enough_python()
    done = subprocess.run(
        ["npm", "--silent", *sys.argv[1:]], cwd=prepare.FRONTEND, env=prepare.node_environment()
    )
    sys.exit(done.returncode)
