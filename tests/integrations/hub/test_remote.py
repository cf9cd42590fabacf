import pytest

from hqsam.errors import OptionError, UploadError
from hqsam.integrations.hub.remote import commit_folder, open_hub, require_same_model, state_of
from tests.integrations.hub.stand_in import Repo

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # huggingface_hub's own


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "prepared"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text('{"library_name": "hqsam", "name": "vit_b"}')
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Cups\n")
    return folder


def send(folder, **options):
    api = open_hub()
    return commit_folder(api, "us/cups", folder, state_of(api, "us/cups"), message="vit_b", **options)


def test_a_new_repo_is_made_as_private_as_it_is_wanted(hub, folder):
    send(folder, private=True)
    assert hub.repos["us/cups"].private
    assert state_of(open_hub(), "us/cups").model == "vit_b"


def test_a_second_push_adds_a_commit(hub, folder):
    send(folder)
    (folder / "model.safetensors").write_bytes(b"better weights")
    send(folder)
    assert [commit.get("model.safetensors") for commit in hub.repos["us/cups"].commits] == [
        None,
        b"weights",
        b"better weights",
    ]


def test_a_repo_that_holds_no_model_yet_is_written_to(hub):
    hub.repos["us/cups"] = Repo([{".gitattributes": b"", "README.md": b"soon"}])
    require_same_model("us/cups", state_of(open_hub(), "us/cups"), "vit_b")


def test_another_librarys_model_is_told_by_its_files(hub):
    hub.repos["us/cups"] = Repo([{"config.json": b'{"model_type": "bert"}', "pytorch_model.bin": b""}])
    with pytest.raises(OptionError, match=r"another kind \(pytorch_model\.bin\)"):
        require_same_model("us/cups", state_of(open_hub(), "us/cups"), "vit_b")


def test_checkpoints_that_are_replaced_are_removed_in_the_same_commit(hub, folder):
    hub.repos["us/cups"] = Repo([{"pytorch_model.bin": b"theirs", "notes.txt": b"stay"}])
    send(folder)
    assert set(hub.repos["us/cups"].files) == {"model.safetensors", "config.json", "README.md", "notes.txt"}
    assert len(hub.repos["us/cups"].commits) == 2


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize(
    "step", ["POST /api/models/us/cups/preupload", "PUT /storage", "POST /api/models/us/cups/commit"]
)
def test_a_push_that_breaks_in_the_middle_leaves_the_hub_as_it_was(hub, folder, step, is_new):
    if not is_new:
        send(folder)
    before = {name: list(repo.commits) for name, repo in hub.repos.items()}
    hub.failures[step] = 403
    (folder / "model.safetensors").write_bytes(b"better weights")
    with pytest.raises(UploadError, match="us/cups is as it was: the token may not write there"):
        send(folder)
    assert {name: repo.commits for name, repo in hub.repos.items()} == before


def test_a_repo_that_someone_changed_meanwhile_is_not_written_over(hub, folder):
    send(folder)
    api = open_hub()
    seen = state_of(api, "us/cups")
    hub.repos["us/cups"].commits.append({"model.safetensors": b"someone's"})
    with pytest.raises(UploadError, match="has changed in the meantime"):
        commit_folder(api, "us/cups", folder, seen, message="vit_b")
    assert hub.repos["us/cups"].files == {"model.safetensors": b"someone's"}


def test_a_namespace_that_the_token_may_not_write_to(hub, folder):
    hub.failures["POST /api/repos/create"] = 403
    with pytest.raises(UploadError, match="may not write there"):
        send(folder)
    assert hub.repos == {}
