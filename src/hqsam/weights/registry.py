"""The table of all checkpoints that can be downloaded by name. To add a checkpoint, add a row to `CHECKPOINTS`."""

import difflib
import os
from dataclasses import dataclass

from hqsam.errors import OptionError

APACHE = "Apache-2.0"
HQ_NOTICE = (
    "Trained on HQSeg-44K, of which DIS5K has its own, restrictive terms of use: "
    "read them before commercial use of the weights."
)
SAM_BUCKET = "https://dl.fbaipublicfiles.com/segment_anything"
SAM_2_BUCKET = "https://dl.fbaipublicfiles.com/segment_anything_2"
DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="
HUB = "https://huggingface.co"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A file that holds one model, and where it can be downloaded."""

    name: str
    """Name of the model, as `hqsam.load` takes it."""
    file: str
    """Name of the file in the cache folder."""
    origin: str
    """The people who trained it, and when."""
    mirrors: tuple[str, ...] = ()
    """Addresses that are tried in turn: URLs, or `hub:OWNER/REPO/FILE`. All must give the same bytes."""
    bytes: int | None = None
    """Size of the file; None for a bundled one."""
    sha256: str | None = None
    """Hash of the file; None for a bundled one, which has its own in its header."""
    licence: str = APACHE
    """Licence of the weights."""
    notice: str = ""
    """Further terms that a user of the weights must know."""

    @property
    def is_bundled(self) -> bool:
        """True if the file is part of the package and never downloaded."""
        return not self.mirrors

    @property
    def urls(self) -> tuple[str, ...]:
        """URLs to try in turn; `HF_ENDPOINT` replaces the address of the Hugging Face Hub in them."""
        return tuple(_url(mirror) for mirror in self.mirrors)


def find(name: str) -> Checkpoint:
    """Return the row of the table with that name.

    Raises:
        OptionError: there is none; the message lists the names.
    """
    if name in WITHOUT_HASH:
        raise OptionError(
            f"{name} cannot be fetched by name, because no hash of it is known to check the file by; fetch it from "
            f"{WITHOUT_HASH[name]} and give the file's path"
        )
    if name in ONLY_TRAINED:
        raise OptionError(f"nobody has published weights of {name}; train them: {ONLY_TRAINED[name]}")
    if name not in CHECKPOINTS:
        close = difflib.get_close_matches(name, CHECKPOINTS, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise OptionError(f"there is no checkpoint named {name!r}{hint}; known: {', '.join(CHECKPOINTS)}")
    return CHECKPOINTS[name]


def hub_endpoint() -> str:
    """Return the address of the Hugging Face Hub, or of the mirror that `HF_ENDPOINT` names, by default over https."""
    named = os.environ.get("HF_ENDPOINT", "").rstrip("/")
    return named if "://" in named else f"https://{named}" if named else HUB


def _url(mirror: str) -> str:
    if not mirror.startswith("hub:"):
        return mirror
    owner, repo, file = mirror.removeprefix("hub:").split("/", 2)
    return f"{hub_endpoint()}/{owner}/{repo}/resolve/main/{file}"


# Sizes and digests: Git LFS pointers of the authors' own commits, and for files that the authors serve
# elsewhere, uploads of different people that agree. Mirrors by third parties are safe: the digest decides.
_ROWS = (
    Checkpoint(
        name="vit_tiny",
        file="sam_hq_vit_tiny.pth",
        origin="HQ-SAM, light (Ke et al., ETH Zurich and HKUST, 2023)",
        mirrors=("hub:lkeab/hq-sam/sam_hq_vit_tiny.pth",),
        bytes=42_526_881,
        sha256="0f32c075ccdd870ae54db2f7630e7a0878ede5a2b06d05d6fe02c65a82fb7196",
        notice=HQ_NOTICE,
    ),
    Checkpoint(
        name="vit_b",
        file="sam_hq_vit_b.pth",
        origin="HQ-SAM (Ke et al., ETH Zurich and HKUST, 2023)",
        mirrors=(
            "hub:lkeab/hq-sam/sam_hq_vit_b.pth",
            f"{DRIVE}11yExZLOve38kRZPfRx_MRxfIAKmfMY47",
            "hub:1038lab/sam/sam_hq_vit_b.pth",
        ),
        bytes=379_335_069,
        sha256="14a9d662cd6f5a9c2dba6d40ab0058d88d287e4a18fd6fdc6ad5fb1a3fdeaa57",
        notice=HQ_NOTICE,
    ),
    Checkpoint(
        name="vit_l",
        file="sam_hq_vit_l.pth",
        origin="HQ-SAM (Ke et al., ETH Zurich and HKUST, 2023)",
        mirrors=(
            "hub:lkeab/hq-sam/sam_hq_vit_l.pth",
            f"{DRIVE}1Uk17tDKX1YAKas5knI4y9ZJCo0lRVL0G",
            "hub:1038lab/sam/sam_hq_vit_l.pth",
        ),
        bytes=1_254_865_805,
        sha256="e1a6c385d62bf005ded91a54d5ec55c985cfc4103ef89c08d90f39f04934c343",
        notice=HQ_NOTICE,
    ),
    Checkpoint(
        name="vit_h",
        file="sam_hq_vit_h.pth",
        origin="HQ-SAM (Ke et al., ETH Zurich and HKUST, 2023)",
        mirrors=(
            "hub:lkeab/hq-sam/sam_hq_vit_h.pth",
            f"{DRIVE}1qobFYrI4eyIANfBSmYcGuWRaSIXfMOQ8",
            "hub:1038lab/sam/sam_hq_vit_h.pth",
        ),
        bytes=2_570_940_653,
        sha256="a7ac14a085326d9fa6199c8c698c4f0e7280afdbb974d2c4660ec60877b45e35",
        notice=HQ_NOTICE,
    ),
    Checkpoint(
        name="mobile_sam",
        file="mobile_sam.pt",
        origin="MobileSAM (Zhang et al., Kyung Hee University, 2023)",
        mirrors=(
            "https://github.com/ChaoningZhang/MobileSAM/raw/master/weights/mobile_sam.pt",
            "hub:dhkim2810/MobileSAM/mobile_sam.pt",
        ),
        bytes=40_728_226,
        sha256="6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f",
    ),
    Checkpoint(
        name="sam_vit_b",
        file="sam_vit_b_01ec64.pth",
        origin="SAM (Kirillov et al., Meta AI, 2023)",
        mirrors=(
            f"{SAM_BUCKET}/sam_vit_b_01ec64.pth",
            "hub:sam-hq-team/sam-hq-training/pretrained_checkpoint/sam_vit_b_01ec64.pth",
            "hub:1038lab/sam/sam_vit_b.pth",
        ),
        bytes=375_042_383,
        sha256="ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
    ),
    Checkpoint(
        name="sam_vit_l",
        file="sam_vit_l_0b3195.pth",
        origin="SAM (Kirillov et al., Meta AI, 2023)",
        mirrors=(f"{SAM_BUCKET}/sam_vit_l_0b3195.pth", "hub:1038lab/sam/sam_vit_l.pth"),
        bytes=1_249_524_607,
        sha256="3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
    ),
    Checkpoint(
        name="sam_vit_h",
        file="sam_vit_h_4b8939.pth",
        origin="SAM (Kirillov et al., Meta AI, 2023)",
        mirrors=(
            f"{SAM_BUCKET}/sam_vit_h_4b8939.pth",
            "hub:sam-hq-team/sam-hq-training/pretrained_checkpoint/sam_vit_h_4b8939.pth",
            "hub:1038lab/sam/sam_vit_h.pth",
        ),
        bytes=2_564_550_879,
        sha256="a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
    ),
    Checkpoint(
        name="sam2.1_hiera_t",
        file="sam2.1_hiera_tiny.pt",
        origin="SAM 2.1 (Ravi et al., Meta AI, 2024)",
        mirrors=(f"{SAM_2_BUCKET}/092824/sam2.1_hiera_tiny.pt",),
        bytes=156_008_466,
        sha256="7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69",
    ),
    Checkpoint(
        name="sam2.1_hiera_s",
        file="sam2.1_hiera_small.pt",
        origin="SAM 2.1 (Ravi et al., Meta AI, 2024)",
        mirrors=(f"{SAM_2_BUCKET}/092824/sam2.1_hiera_small.pt",),
        bytes=184_416_285,
        sha256="6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38",
    ),
    Checkpoint(
        name="sam2.1_hiera_b+",
        file="sam2.1_hiera_base_plus.pt",
        origin="SAM 2.1 (Ravi et al., Meta AI, 2024)",
        mirrors=(f"{SAM_2_BUCKET}/092824/sam2.1_hiera_base_plus.pt",),
        bytes=323_606_802,
        sha256="a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5",
    ),
    Checkpoint(
        name="sam2.1_hiera_l",
        file="sam2.1_hiera_large.pt",
        origin="SAM 2.1 (Ravi et al., Meta AI, 2024)",
        mirrors=(f"{SAM_2_BUCKET}/092824/sam2.1_hiera_large.pt",),
        bytes=898_083_611,
        sha256="2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318",
    ),
    Checkpoint(
        name="hq_sam2_hiera_l",
        file="sam2.1_hq_hiera_large.pt",
        origin="HQ-SAM 2 (Ke et al., ETH Zurich and HKUST, 2024)",
        mirrors=("hub:lkeab/hq-sam/sam2.1_hq_hiera_large.pt",),
        bytes=898_844_313,
        sha256="03b8be4b4f282c3d7365715a033918d9ac67cbc597660ccc274448aa1c8cdb05",
        notice=HQ_NOTICE,
    ),
    Checkpoint(
        name="nano",
        file="nano.safetensors",
        origin="the hqsam project",
        licence="research only",
        notice="Some of its training data is for non-commercial research by its terms, and most of it says nothing of "
        "the rights in the photos. The code's licence does not cover the weights: see docs/nano.md.",
    ),
)

WITHOUT_HASH = {
    f"sam2_hiera_{name}": f"{SAM_2_BUCKET}/072824/sam2_hiera_{size}.pt"
    for name, size in {"t": "tiny", "s": "small", "b+": "base_plus", "l": "large"}.items()
}
"""URLs of models whose files load by path but are not fetched: nobody has published a hash to check them by."""

ONLY_TRAINED = {
    f"hq_sam2_hiera_{size}": f"hqsam train hq_sam2 --base sam2.1_hiera_{size} --data HQSEG44K"
    for size in ("t", "s", "b+")
}
"""Models that have no published weights, and the commands that train them."""

CHECKPOINTS: dict[str, Checkpoint] = {row.name: row for row in _ROWS}
