"""The parts of a frozen experiment and the model that runs them: comparison of ports, construction, forward pass.

Surface: alone, build, built, meaning, milestones, model, needed, ports.
"""
