"""Searches of the service, without its page."""

from zorse.search import build_index


def test_a_folder_may_be_the_top_and_a_refusal_names_the_field(serving, colours, paint):
    paint("photos/red/one.png", "red")
    folder = paint("photos/top.png", "blue").parent
    build_index(folder, folder.parent / "photos.index", colours)
    with serving(colours, index=folder.parent / "photos.index") as client:

        def found(**asked):
            return client.post("/search", json=asked)

        assert [hit["name"] for hit in found(text="red", folder="").json()["results"]] == ["top.png"]
        assert [hit["name"] for hit in found(text="red", folder="red").json()["results"]] == ["red/one.png"]
        for field in ("text", "without", "folder"):
            answer = found(**{"text": "red", field: " \n"})
            assert answer.status_code == 422
            assert answer.json()["error"].startswith(f"{field} is blank")
        long = found(text="red", without="x" * 301)
        assert long.status_code == 413
        assert long.json()["error"].startswith("without has 301")
