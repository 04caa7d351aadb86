# SPDX-License-Identifier: Apache-2.0
"""The smallest application of Flask that answers anything: scripts/bench flask."""
import flask

application = flask.Flask(__name__)


@application.route("/<path:name>")
def show(name):
    return flask.Response(f"{name}: a small answer\n" * 3, mimetype="text/plain")
