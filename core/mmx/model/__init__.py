"""From a frozen experiment to its parts: ports compared, parts built, the model that runs them.

Surface: build, built, meaning, model, needed, ports.
"""
