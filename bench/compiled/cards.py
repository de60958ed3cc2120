"""GPUs that are not there: XLA's description of each, and a compiler for it.

``JAX_PLATFORMS=cpu`` must be set before JAX is imported: else the plugin looks for a driver, and
is left out where there is none.
"""

from contextlib import nullcontext
from functools import cached_property
from typing import NamedTuple

import jax
import numpy as np
from jax.experimental import topologies
from jax.sharding import Mesh, NamedSharding, PartitionSpec

_DESCRIPTION = """
gpu_device_info {{
  threads_per_block_limit: 1024
  threads_per_warp: 32
  shared_memory_per_block: 49152
  shared_memory_per_core: {shared}
  shared_memory_per_block_optin: {shared_optin}
  threads_per_core_limit: 2048
  core_count: {cores}
  fpus_per_core: {fpus}
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  thread_dim_limit_x: 1024
  thread_dim_limit_y: 1024
  thread_dim_limit_z: 64
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
  memory_bandwidth: {bandwidth}
  device_memory_size: {memory}
  l2_cache_size: {cache}
  clock_rate_ghz: {clock}
  cuda_compute_capability {{ major: {major} feature_extension: {feature} }}
  device_vendor: "NVIDIA Corporation"
  device_address_bits: 64
  name: "{name}"
  driver_version: "13.0.0"
  runtime_version: "13.0.0"
  compile_time_toolkit_version: "13.0.0"
  dnn_version: "9.12.0"
}}
platform_name: "CUDA"
dnn_version_info {{ major: 9 minor: 12 }}
device_description_str: "{name}"
"""


class Card:
    """A GPU by its figures, those of XLA's own descriptions (openxla/xla, target_config/specs)."""

    def __init__(self, architecture, **figures):
        self.architecture, self.figures = architecture, figures

    @cached_property
    def sharding(self):
        """Where its arrays lie: what abstract arguments are to carry."""
        jax.devices()  # The plugin registers itself.
        topology = topologies.get_topology_desc(
            platform="cuda", topology="1x1x1", target_config=_DESCRIPTION.format(**self.figures)
        )
        return NamedSharding(Mesh(np.array(topology.devices[:1]), ("x",)), PartitionSpec())

    def abstract(self, tree, patients=None):
        """Return shapes of arrays on the card; ``patients``: in place of the first length."""

        def shape(leaf):
            leaf = np.asarray(leaf)
            form = leaf.shape if patients is None else (patients, *leaf.shape[1:])
            return jax.ShapeDtypeStruct(form, leaf.dtype, sharding=self.sharding)

        return jax.tree.map(shape, tree)

    def compile(self, work, folder):
        """Return compiled work; all that the compiler makes on the way is kept in a folder."""
        with self._described():
            lowered = work.jitted.trace(*work.arguments).lower(lowering_platforms=("cuda",))
        return lowered.compile({**work.options, "xla_dump_to": str(folder)})

    def _described(self):
        """Return what tells later versions of JAX for which device a kernel is translated."""
        if jax.__version__.startswith("0.10."):
            return nullcontext()
        name, cores = self.figures["name"], self.figures["cores"]
        device = jax.sharding.AbstractDevice(name, cores, platform="gpu")
        kinds = (jax.sharding.AxisType.Auto,)
        mesh = jax.sharding.AbstractMesh((1,), ("x",), axis_types=kinds, abstract_device=device)
        return jax.sharding.use_abstract_mesh(mesh)


class Work(NamedTuple):
    """A jitted function, its abstract arguments, and what the compiler is told."""

    jitted: jax.stages.Wrapped
    arguments: tuple
    options: dict


CARDS = {
    "H100": Card(
        "sm_90a", name="NVIDIA H100 80GB HBM3", major=9, feature="ACCELERATED_FEATURES", cores=132,
        fpus=128, shared=233472, shared_optin=232448, bandwidth=3352320000000, memory=84942979072,
        cache=52428800, clock=1.98,
    ),
    "A100": Card(
        "sm_80", name="NVIDIA A100-SXM4-80GB", major=8, feature="NONE", cores=108, fpus=64,
        shared=167936, shared_optin=166912, bandwidth=2039040000000, memory=85100068864,
        cache=41943040, clock=1.41,
    ),
}  # fmt: skip
