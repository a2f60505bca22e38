"""What words mean: the dictionary by which free text is read, in the vocabulary of moves and manners.

Keys are words in their plain form without articles; :func:`lemma` leads from "kicked" or "spins" to it. The longest
entry that fits counts, so that a jumping jack is not a jump.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from athena_wbc.synthesis.vocabulary import Manner, Move

Words = tuple[str, ...]


def _moves(table: Mapping[str, tuple[str, Mapping[str, object]] | str]) -> dict[Words, Move]:
    entries: dict[Words, Move] = {}
    for phrases, meaning in table.items():
        move, changes = (meaning, {}) if isinstance(meaning, str) else meaning
        for phrase in phrases.split(","):
            entries[tuple(phrase.split())] = Move(move, **changes)  # type: ignore[arg-type]
    return entries


MOVE_WORDS: Mapping[Words, Move] = _moves(
    {
        # locomotion
        "walk,stroll,wander,step,advance,approach,stride,tiptoe,limp,move forward,move ahead,"
        "go forward,cross room,cross floor,cross street": (
            "walk",
            {"count": 4},
        ),
        "march,stomp,march high knee": ("march", {"count": 4}),
        "run,jog,dash,rush,hurry": ("run", {"count": 6}),
        "run up": ("run", {"count": 4}),
        "sprint,race,sprint stand start": ("sprint", {"count": 8}),
        "skip,gallop,prance": ("skip", {"count": 4}),
        "sidestep,side step,step sideway,walk sideway,step aside,step side,move side,move sideway,"
        "move left,move right": (
            "side_step",
            {"count": 2},
        ),
        "shuffle,side shuffle,shuffle sideway,grapevine": ("shuffle", {"count": 4}),
        "back step,step back,step backward,walk back,walk backward,back up,back away,back off,retreat,"
        "backpedal,move back,move backward": (
            "back_step",
            {"count": 3},
        ),
        "lunge": "lunge",
        "crawl,creep,crawl all four": ("crawl", {"count": 4}),
        "zigzag,zig zag,weave,slalom,zigzag run,run zigzag": ("zigzag", {"count": 6}),
        # turning
        "turn,rotate": "turn",
        "turn around,turn round,turn back": ("turn", {"turns": 0.5}),
        "pivot": "pivot",
        "spin,twirl,whirl,spin around,swirl": "spin",
        "pirouette,spin one foot,spin one leg": "pirouette",
        # jumping
        "jump,stand jump,bounce,vault": "jump",
        "leap,long jump,jump over,leap over,jump over hurdle,leap over hurdle,bound,jete,grand jete": "leap",
        "hop": "hop",
        "tuck jump,jump tuck,jump knee chest": "tuck_jump",
        "straddle jump,split jump,split leap,star jump,toe touch jump": "straddle_jump",
        "turn jump,jump turn,jump full turn,jump half turn,"
        "jump spin,spin jump,jump around,turn air,spin air": "turning_jump",
        "jump jack": ("jumping_jack", {"count": 3}),
        # legs
        "kick,front kick,kick forward,kick ball,snap kick,football kick": "front_kick",
        "side kick,kick sideway,kick side": "side_kick",
        "round kick,roundhouse,roundhouse kick,head kick,body kick": "round_kick",
        "low kick,leg kick": ("round_kick", {"height": "low"}),
        "back kick,kick back,kick backward,kick behind,mule kick,donkey kick": "back_kick",
        "crescent kick": "crescent_kick",
        "axe kick,ax kick": "axe_kick",
        "spin kick,spin hook kick,spin back kick,tornado kick,turn kick,hook kick,wheel kick": "spin_kick",
        "jump kick,jump front kick,jump side kick,fly kick,fly front kick,fly side kick": "jump_kick",
        "knee strike,strike knee,knee kick,fly knee": "knee_strike",
        "sweep,leg sweep,foot sweep,sweep leg": "sweep",
        "leg lift,leg raise,knee raise,battement": "leg_lift",
        # arms
        "punch,straight punch,jab,cross,cross punch,strike,hit,box,fight": "straight_punch",
        "shadow box,shadowbox": ("straight_punch", {"count": 4}),
        "hook,hook punch": "hook_punch",
        "uppercut,upper cut": "uppercut",
        "elbow strike,strike elbow": "elbow_strike",
        "palm strike,strike palm,slap,chop": "palm_strike",
        "block,rise block,parry,defend": "block",
        "throw,toss,pitch,bowl": "throw",
        "swing,hit ball,swing racket,swing bat,swing club,swing arm": "swing",
        "push,shove,chest pass": "push",
        "pull,drag,tug": "pull",
        "reach,stretch,grab,pick,catch,point,take,pick up,reach out": "reach",
        "reach up,stretch up,reach overhead,reach sky": ("reach", {"height": "high"}),
        "wave,greet,wave hello,wave goodbye": "arm_wave",
        "arm circle,circle arm,windmill": "arm_circle",
        "clap,applaud,clap hand": ("clap", {"count": 3}),
        # postures
        "stand,stand still,wait": "stand",
        "guard,guard position,fight stance,box stance,ready stance": "guard",
        "crouch,hunch,cower": "crouch",
        "squat,sit,sit down,squat down": "squat",
        "kneel,kneel down,genuflect": "kneel",
        "bow,bow down,bend forward,bend down,bend over,lean over": "bow",
        "rise,stand up,straighten,rise up,straighten up": "rise",
        "balance,stand one leg,stand one foot,balance one leg,balance one foot,tree pose": "balance",
        "arabesque,front scale": "arabesque",
        "side scale": "side_scale",
        "sway,swing hip,rock,groove,dance,sway hip": ("sway", {"count": 2}),
        "plie,bend knee,knee bend": "plie",
        "side bend,bend side,bend sideway,lean side,lean sideway": "side_bend",
        "back bend,backbend,bend backward,bend back,arch back,lean back,lean backward": "back_bend",
        # evasion
        "duck,duck under": "duck",
        "slip": "slip",
        "dodge,evade,avoid": "dodge",
        "sprawl,drop floor,drop ground": "sprawl",
        # floor
        "roll,somersault,tumble,forward roll,roll forward": "roll",
        "cartwheel,cart wheel": "cartwheel",
        "backflip,back flip,flip back,flip backward,back somersault,stand back somersault,"
        "stand backflip,back handspring,flip": "backflip",
        "front flip,frontflip,flip forward,front somersault": "front_flip",
        "get up,climb foot": "get_up",
        "push up,pushup,press up": ("push_up", {"count": 2}),
    }
)
"""Words -> the move, with what the words themselves fix."""

LIMB_MOVES: Mapping[str, Mapping[str, Move]] = {
    "raise": {"arm": Move("reach", height="high"), "leg": Move("leg_lift")},
    "lift": {"arm": Move("reach", height="high"), "leg": Move("leg_lift")},
    "extend": {"arm": Move("reach"), "leg": Move("leg_lift")},
    "stretch": {"arm": Move("reach"), "leg": Move("leg_lift")},
    "put": {"arm": Move("reach")},
    "move": {"arm": Move("arm_wave"), "leg": Move("leg_lift")},
    "shake": {"arm": Move("arm_wave")},
    "circle": {"arm": Move("arm_circle")},
    "rotate": {"arm": Move("arm_circle")},
    "swing": {"arm": Move("swing"), "leg": Move("leg_lift")},
    "strike": {"leg": Move("front_kick")},
}
"""Verbs that mean a move only together with a limb that the clause names."""

LIMBS: Mapping[str, str] = {
    **dict.fromkeys(("arm", "hand", "fist", "elbow", "palm", "shoulder", "wrist", "finger"), "arm"),
    **dict.fromkeys(("leg", "foot", "knee", "thigh", "shin", "ankle", "toe", "heel"), "leg"),
}

MANNER_WORDS: Mapping[Words, Manner] = {
    tuple(phrase.split()): manner
    for phrases, manner in {
        "slowly,slow,unhurried,leisurely,gradually": Manner(tempo=0.7),
        "gently,gentle,calmly,calm,relaxed,softly,easy,casually": Manner(tempo=0.85, amplitude=0.9),
        "carefully,careful,cautiously": Manner(tempo=0.75, amplitude=0.9),
        "steadily,steady": Manner(),
        "quickly,quick,fast,swiftly,swift,speedily": Manner(tempo=1.35),
        "briskly,brisk,lively": Manner(tempo=1.2),
        "rapidly,rapid,hastily,full speed,top speed,furiously": Manner(tempo=1.5),
        "explosively,explosive,suddenly,sudden,abruptly": Manner(tempo=1.3, burst=0.7),
        "powerfully,powerful,strongly,strong,hard,forcefully,energetically,vigorously": Manner(
            amplitude=1.2, burst=0.2
        ),
        "wide,widely,big,large,huge": Manner(amplitude=1.25),
        "small,tiny,slightly,little": Manner(amplitude=0.75),
        "deep,deeply,low stance": Manner(depth=0.1),
        "pause,stop,rest": Manner(pause=0.4),
        "hold,freeze": Manner(hold=0.5),
        "hand hip,arm akimbo": Manner(arms="hips"),
        "arm overhead,hand overhead,arm above head,hand above head": Manner(arms="overhead"),
        "arm wide,wide arm,open arm,arm out,arm side,arm spread": Manner(arms="wide"),
        "lean forward": Manner(lean=0.25),
    }.items()
    for phrase in phrases.split(",")
}
"""Words -> the manner that they ask for."""

LEVEL_WORDS: Mapping[str, str] = {"knee": "low", "hip": "middle", "shoulder": "high"}
"""Parts of the body that mean a height before "height" or "level"."""

HEIGHT_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("high", "head", "overhead", "above", "sky", "ceiling"), "high"),
    **dict.fromkeys(("chest", "waist", "middle", "stomach", "belly"), "middle"),
    **dict.fromkeys(("low", "ankle", "shin"), "low"),
}
DIRECTION_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("forward", "ahead"), "forward"),
    **dict.fromkeys(("back", "backward", "behind"), "back"),
}
NUMBERS: Mapping[str, int] = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "once": 1, "twice": 2, "thrice": 3, "single": 1, "double": 2, "triple": 3,
    "couple": 2, "few": 3, "several": 3, "repeatedly": 3,
}  # fmt: skip
DETERMINERS = ("a", "an", "the", "this", "that", "his", "her", "their", "its", "my", "your", "some", "two", "three")
THINGS = (
    "box", "boxes", "bowl", "bowls", "rock", "rocks", "pitch", "pitches",
)  # fmt: skip
"""Words that are moves as verbs, and behind a determiner or a verb are things: one picks up a box."""
THING_MOVES = ("stance", "position")
"""Words before which even such a word is part of a move: a box stance."""
NEGATIONS = ("without", "not", "never", "don't", "doesn't", "instead", "no")
LIGHT_VERBS = ("throw", "take", "catch", "hit")
"""Verbs that mean their own move only where the clause names no other: one throws a punch, one takes a step."""
MORE = ("very", "extremely", "really", "super", "much")
SKIPPED = (
    "a", "an", "the", "his", "her", "their", "its", "my", "your", "of", "on", "with", "at", "to", "from", "for",
    "into", "onto", "in", "by", "person", "they", "he", "she", "who", "is", "are", "be", "while", "towards", "toward",
)  # fmt: skip
"""Words that neither mean anything here nor come between two that do."""
BREAKS = ("and", "then", "followed", "next", "finally", "but", "or", "until", "as")
"""Words that end a clause."""

_IRREGULAR: Mapping[str, str] = {
    "ran": "run", "threw": "throw", "thrown": "throw", "spun": "spin", "swung": "swing", "leapt": "leap",
    "knelt": "kneel", "stood": "stand", "bent": "bend", "rose": "rise", "risen": "rise", "crept": "creep",
    "strode": "stride", "went": "go", "goes": "go", "came": "come", "struck": "strike", "fought": "fight",
    "sat": "sit", "got": "get", "caught": "catch", "took": "take", "swept": "sweep", "held": "hold", "hit": "hit",
    "feet": "foot", "fro": "back", "shook": "shake", "wove": "weave", "taken": "take", "leant": "lean",
    "backwards": "backward", "forwards": "forward", "sideways": "sideway", "upwards": "upward",
    "downwards": "downward", "flew": "fly", "flown": "fly",
}  # fmt: skip


def _forms(word: str) -> Iterable[str]:
    """The inflections of a verb or noun by the rules of English spelling."""
    yield from (word, f"{word}s", f"{word}ed", f"{word}ing")
    if word.endswith(("s", "x", "ch", "sh", "z", "o")):
        yield f"{word}es"
    if word.endswith("e"):
        yield from (f"{word}d", f"{word[:-1]}ing")
    if word.endswith("y"):
        yield from (f"{word[:-1]}ies", f"{word[:-1]}ied")
    if len(word) > 2 and word[-1] not in "aeiouwxy" and word[-2] in "aeiou" and word[-3] not in "aeiou":
        yield from (f"{word}{word[-1]}ed", f"{word}{word[-1]}ing")


_PLAIN = {
    *(word for words in (*MOVE_WORDS, *MANNER_WORDS) for word in words),
    *LIMB_MOVES, *LIMBS, "bend", "jack", "racket", "club", "degree", "circle", "time",
}  # fmt: skip
_LEMMAS: Mapping[str, str] = {
    **{form: word for word in sorted(_PLAIN) for form in _forms(word)},
    **{word: word for word in sorted(_PLAIN)},
    **_IRREGULAR,
}


def lemma(word: str) -> str:
    """The plain form of a word that the dictionary knows; any other word as it is."""
    return _LEMMAS.get(word, word)
