"""
A socket that lives for hours and holds a database session for milliseconds: `Provider` lends one per message.

    apistar run examples.notes:app
    apistar ws ws://127.0.0.1:8000/notes
    {"type": "add", "text": "buy tea"}
    {"type": "search", "word": "tea"}
"""

import os
import sqlite3
from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from apistar import ASyncApp, Component, Provider, Route, WebSocket

PATH = os.environ.get("NOTES", "notes.db")
Session = sqlite3.Connection


class Add(Struct, tag="add"):
    """Keep a note."""

    text: Annotated[str, Meta(min_length=1, max_length=1000)]


class Search(Struct, tag="search"):
    """Find the notes in which a word occurs, the latest first."""

    word: str
    limit: Annotated[int, Meta(ge=1, le=100)] = 10


class Note(Struct):
    id: int
    text: str


class Added(Struct, tag="added"):
    note: Note


class Found(Struct, tag="found"):
    notes: list[Note]


class SessionComponent(Component):
    def resolve(self) -> Iterator[Session]:
        """Open a session; what was done in it is kept if its block ends well, and undone otherwise."""
        session = sqlite3.connect(PATH)
        try:
            with session:
                session.execute("create table if not exists notes (id integer primary key, text text not null)")
                yield session
        finally:
            session.close()


async def notes(ws: WebSocket[Add | Search, Added | Found], sessions: Provider[Session]) -> None:
    """Keep notes, and find them again."""
    await ws.connect()
    async for message in ws:  # hours may pass here, without a session
        async with sessions() as session:
            match message:
                case Add(text):
                    row = session.execute("insert into notes (text) values (?) returning id, text", [text]).fetchone()
                    answer: Added | Found = Added(Note(*row))
                case Search(word, limit):
                    query = "select id, text from notes where instr(text, ?) order by id desc limit ?"
                    answer = Found([Note(*row) for row in session.execute(query, [word, limit])])
        await ws.send(answer)  # after the session: a slow client keeps none


app = ASyncApp(routes=[Route("/notes", handler=notes)], components=[SessionComponent()], title="Notes")
