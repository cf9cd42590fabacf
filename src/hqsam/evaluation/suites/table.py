"""The table of evaluation suites: those of the paper, and any folder. To add a suite, add a row to `ROWS`."""

from hqsam.data.hqseg44k import VALIDATION
from hqsam.evaluation.metrics import METRICS
from hqsam.evaluation.suites import published
from hqsam.evaluation.suites.coco import open_coco, open_lvis
from hqsam.evaluation.suites.davis import open_davis
from hqsam.evaluation.suites.folder import open_folder
from hqsam.evaluation.suites.image_mask_pairs import open_big, open_folders
from hqsam.evaluation.suites.suite import Split, Suite
from hqsam.evaluation.suites.ytvis import open_ytvis

_HQSEG = "https://huggingface.co/sam-hq-team/sam-hq-training/tree/main/data"
_NO_LICENCE = "none found in the download; made for research"
_DIS_TERMS = "DIS5K's own terms of use, which are restrictive: a PDF in the download"
_COCO_TERMS = "annotations CC BY 4.0; photos under the terms of Flickr"
_YOUTUBE = "see the page of the data; videos of YouTube, for research"

_DIS, _COIFT, _HRSOD, _THIN = (
    Split(name=one.name, images=one.images, truth=one.masks, expected=one.expected) for one in VALIDATION
)


def _fine(name: str, title: str, split: Split, numbers: tuple[published.Published, ...], licence: str) -> Suite:
    return Suite(
        name=name,
        title=title,
        splits=(split,),
        layout=f"{split.images}/NAME.jpg, {split.truth}/NAME.png",
        open_split=open_folders,
        ask="box",
        source="hq",
        pipeline="official",
        metric=METRICS["iou"],
        published=numbers,
        licence=licence,
        where=_HQSEG,
    )


ROWS = (
    _fine("dis", "DIS5K, validation: intricate objects in large photos", _DIS, published.DIS, _DIS_TERMS),
    _fine("coift", "COIFT: thin objects", _COIFT, published.COIFT, _NO_LICENCE),
    _fine("hrsod", "HRSOD: salient objects in large photos", _HRSOD, published.HRSOD, _NO_LICENCE),
    _fine("thin", "ThinObject-5K, test: thin objects", _THIN, published.THIN, _NO_LICENCE),
    Suite(
        name="hq4",
        title="the four fine sets: DIS, COIFT, HRSOD, ThinObject-5K",
        splits=(_DIS, _COIFT, _HRSOD, _THIN),
        layout="the folders of dis, coift, hrsod and thin in one: DIS5K/, thin_object_detection/",
        open_split=open_folders,
        ask="box",
        source="hq",
        pipeline="official",
        metric=METRICS["iou"],
        published=published.DIS + published.COIFT + published.HRSOD + published.THIN + published.FOUR,
        licence=f"{_DIS_TERMS}; of the others {_NO_LICENCE}",
        where=_HQSEG,
    ),
    Suite(
        name="big",
        title="BIG, test: photos of 2048 to 5000 pixels",
        splits=(Split(name="BIG", images="BIG/test", truth="BIG/test", expected=100),),
        layout="BIG/test/NAME_im.jpg, NAME_gt.png, and NAME_seg.png for a coarse mask (PSPNet's in the paper)",
        open_split=open_big,
        ask="box",
        boxes_from="PSPNet, for the coarse masks",
        source="hq",
        pipeline="official",
        metric=METRICS["iou"],
        published=published.BIG,
        licence="not for commercial use, its authors ask; photos of Flickr",
        where="https://github.com/hkchengrex/CascadePSP (docs/dataset.md)",
    ),
    Suite(
        name="coco",
        title="COCO 2017, validation",
        splits=(Split(name="COCO", images="val2017", truth="annotations/instances_val2017.json", expected=5000),),
        layout="annotations/instances_val2017.json, val2017/000000000139.jpg",
        open_split=open_coco,
        ask="detector",
        boxes_from="FocalNet-DINO",
        source="sum",
        pipeline="user",
        metric=METRICS["ap"],
        published=published.COCO,
        licence=_COCO_TERMS,
        where="https://cocodataset.org/#download",
    ),
    Suite(
        name="lvis",
        title="LVIS v1, validation: 1203 classes",
        splits=(Split(name="LVIS", images="", truth="annotations/lvis_v1_val.json", expected=19809),),
        layout="annotations/lvis_v1_val.json, val2017/ and train2017/ of COCO: validation takes photos of both",
        open_split=open_lvis,
        ask="detector",
        boxes_from="Cascade Mask R-CNN with ViTDet-H",
        source="sum",
        pipeline="user",
        metric=METRICS["lvis"],
        published=published.LVIS,
        licence=_COCO_TERMS,
        where="https://www.lvisdataset.org/dataset",
    ),
    Suite(
        name="uvo",
        title="UVO v0.5, frames of the validation set: any object",
        splits=(
            Split(name="UVO", images="uvo_videos_sparse_frames", truth="FrameSet/UVO_frame_val.json", expected=7356),
        ),
        layout="FrameSet/UVO_frame_val.json, uvo_videos_sparse_frames/ with the files that it names",
        open_split=open_coco,
        ask="detector",
        boxes_from="FocalNet-DINO",
        source="sum",
        pipeline="user",
        metric=METRICS["ap_any"],
        published=published.UVO,
        licence="see the page of the data; videos of Kinetics-400, from YouTube",
        where="https://sites.google.com/view/unidentified-video-object/dataset",
    ),
    Suite(
        name="sginw",
        title="SGinW, Segmentation in the Wild: 25 small sets",
        splits=tuple(
            Split(
                name=name,
                images=f"seginw/{name}/valid",
                truth=f"seginw/{name}/valid/_annotations_min1cat.coco.json",
            )
            for name in published.SGINW_AP
        ),
        layout="seginw/SET/valid/_annotations_min1cat.coco.json and its photos beside it, for each of the 25 sets",
        open_split=open_coco,
        ask="detector",
        boxes_from="Grounding DINO, Swin-B",
        source="sum",
        pipeline="user",
        metric=METRICS["ap"],
        published=published.SGINW,
        licence="each set has its own, from Roboflow",
        where="https://projects4jw.blob.core.windows.net/x-decoder/release/seginw.zip",
    ),
    Suite(
        name="hqytvis",
        title="HQ-YTVIS, test: objects in videos, with accurate masks",
        splits=(Split(name="HQ-YTVIS", images="train/JPEGImages", truth="annotations/ytvis_hq-test.json"),),
        layout="annotations/ytvis_hq-test.json, train/JPEGImages/VIDEO/00000.jpg of YTVIS 2019",
        open_split=open_ytvis,
        ask="detector",
        boxes_from="Mask2Former, Swin-L",
        source="sum",
        pipeline="user",
        metric=METRICS["tubes"],
        published=published.HQYTVIS,
        licence=_YOUTUBE,
        where="https://www.vis.xyz/data/hqvis/",
    ),
    Suite(
        name="davis",
        title="DAVIS 2017, validation: objects in videos",
        splits=(
            Split(
                name="DAVIS-2017",
                images="JPEGImages/480p",
                truth="Annotations/480p",
                listing="ImageSets/2017/val.txt",
                expected=1999,
            ),
        ),
        layout="ImageSets/2017/val.txt, JPEGImages/480p/VIDEO/00000.jpg, Annotations/480p/VIDEO/00000.png",
        open_split=open_davis,
        ask="detector",
        boxes_from="XMem",
        source="sum",
        pipeline="user",
        metric=METRICS["davis"],
        published=published.DAVIS,
        licence="see the page of the data",
        where="https://davischallenge.org/davis2017/code.html",
    ),
    Suite(
        name="ytvis",
        title="YTVIS 2019: objects in videos",
        splits=(Split(name="YTVIS-2019", images="valid/JPEGImages", truth="annotations/instances_val_sub.json"),),
        layout="annotations/instances_val_sub.json with true masks, valid/JPEGImages/VIDEO/00000.jpg",
        open_split=open_ytvis,
        ask="detector",
        boxes_from="Mask2Former, Swin-L",
        source="sum",
        pipeline="user",
        metric=METRICS["tubes"],
        published=published.YTVIS,
        licence=_YOUTUBE,
        where="https://youtube-vos.org/dataset/vis/",
    ),
    Suite(
        name="folder",
        title="your own images with masks",
        takes_files=True,
        splits=(Split(name="folder", images="images", truth="masks"),),
        layout="images/NAME.jpg, masks/NAME.png: one object, or a label map; all that `hqsam data check` reads",
        open_split=open_folder,
        ask="box",
        source="sum",
        pipeline="user",
        metric=METRICS["iou"],
        licence="yours",
        where="your disk",
    ),
)
