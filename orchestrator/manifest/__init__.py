"""The manifest: YAML files to typed services, with every mistake told at once by file, line and path.

`loader.load` is the way in; `document` reads YAML with its lines, `variables` fills in, `typed` and `schema` give
types, `checks` judges what takes several keys, `template` reads the container group, `build` makes what others use.
The modules that begin with `metric` are about `gates.metrics`: sources of evidence, and checks that are run.
"""
